/**
 * The smallest extension with telemetry: what an author copies.
 *
 * Four things: `createTelemetry` first thing in `activate`, the two events that tell of install and
 * activation, one line a feature, and `deactivate`. The settings are in `package.json`.
 */
import { createTelemetry, type Telemetry } from '@cortex/telemetry';
import * as vscode from 'vscode';

import { connect, type Memory } from './memory';

let telemetry: Telemetry | undefined;

export function activate(context: vscode.ExtensionContext): void {
  // It reads its two settings by itself: what `get` gives may be a repository's word.
  telemetry = createTelemetry(context, { tier: () => account.tier, userId: () => account.id });
  telemetry.install();
  telemetry.activate();
  const recorded = telemetry;

  let memory: Promise<Memory> | undefined;
  context.subscriptions.push(
    vscode.commands.registerCommand('cortexSample.search', async (given?: string) => {
      const query = given ?? (await vscode.window.showInputBox());
      if (query === undefined) {
        return undefined;
      }
      // The work in the event: it gets its duration and outcome, and the tool call that it causes
      // is in the same trace.
      const found = await recorded.uiInteraction('command', 'search', async () => {
        memory ??= connect(serverCommand());
        return (await memory).search(recorded, query);
      });
      void vscode.window.showInformationMessage(`${found.length} notes`);
      return found;
    }),
    vscode.commands.registerCommand('cortexSample.insert', (text: string, language: string) => {
      recorded.codeInsert({ language, linesInserted: text.split('\n').length, completionAccepted: true });
    }),
    { dispose: () => void memory?.then((one) => one.close()) },
  );
}

/** The editor waits for it; within a second all is on disk, or sent. */
export function deactivate(): Promise<void> | undefined {
  return telemetry?.deactivate();
}

/** Stands for whatever knows your user: an account, a licence. */
export const account: { id: string | undefined; tier: 'free' | 'trial' | 'paid' | 'enterprise' } = {
  id: undefined,
  tier: 'free',
};

function serverCommand(): string[] {
  return vscode.workspace.getConfiguration().get<string[]>('cortexSample.server') ?? ['cortex-mcp-server'];
}
