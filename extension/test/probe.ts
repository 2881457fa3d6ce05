/**
 * An extension for a real editor: sets its own settings in every combination of what a user and a
 * repository may say, and writes down what telemetry makes of each; then does as much to the
 * sample's. What `tests/extension/test_real_editor.py` starts; where it writes is in `PROBE_RESULTS`.
 */
import { renameSync, writeFileSync } from 'node:fs';

import { createTelemetry } from '@cortex/telemetry';
import * as vscode from 'vscode';

const { Global, Workspace, WorkspaceFolder } = vscode.ConfigurationTarget;
// The editor takes a user's `true` for no word at all where that is the default.
const OF_USER = [undefined, 'all', 'error', false];
const OF_REPOSITORY = [undefined, true, 'error', false];
const MACHINE = ['probe.machineAlone', 'probe.machineAgainstOff', 'probe.machineOff'];
const results = process.env['PROBE_RESULTS'] ?? '';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  try {
    tell('combinations.json', await combinations(context));
    tell('sample.json', await sample());
  } catch (error) {
    tell('failed.json', String(error));
  }
}

function tell(name: string, told: unknown): void {
  writeFileSync(`${results}/${name}.draft`, JSON.stringify(told));
  renameSync(`${results}/${name}.draft`, `${results}/${name}`);
}

async function set(setting: string, value: unknown, target: vscode.ConfigurationTarget): Promise<void> {
  const scope = target === WorkspaceFolder ? vscode.workspace.workspaceFolders?.[0]?.uri : undefined;
  await vscode.workspace.getConfiguration(undefined, scope).update(setting, value, target);
}

async function combinations(context: vscode.ExtensionContext): Promise<unknown> {
  const levels = [];
  const refused = [];
  for (const [setting, target] of [
    ['probe.application', Workspace], ['probe.window', Workspace], ['probe.resource', WorkspaceFolder],
  ] as const) {
    const telemetry = createTelemetry(context, { setting, tier: 'free' });
    for (const user of OF_USER) {
      await set(setting, user, Global);
      for (const repository of OF_REPOSITORY) {
        try {
          await set(setting, repository, target);
        } catch {
          refused.push(setting);
        }
        const { level, faults } = telemetry.status();
        levels.push({ setting, user, repository, level, faults });
      }
    }
    telemetry.dispose();
  }
  // What `update` writes to the user's settings goes to the remote machine's where those have a
  // value: of these the test wrote the files.
  const machine = MACHINE.map((setting) => {
    const telemetry = createTelemetry(context, { setting, tier: 'free' });
    const { level } = telemetry.status();
    telemetry.dispose();
    return [setting, level];
  });
  return {
    levels, refused: [...new Set(refused)], machine: Object.fromEntries(machine),
    trusted: vscode.workspace.isTrusted,
  };
}

/** The sample, while the user's settings say off, and when they don't any more. */
async function sample(): Promise<unknown> {
  await vscode.extensions.getExtension('cortex.cortex-sample')?.activate();
  const insert = (language: string) => vscode.commands.executeCommand('cortexSample.insert', 'a', language);
  await insert('while_off');
  const enabled = 'cortex.telemetry.enabled';
  const effective = vscode.workspace.getConfiguration().get(enabled);
  await set(enabled, true, Global);
  await insert('while_on');
  return { effective };
}
