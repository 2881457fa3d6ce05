/** What an author writes: as `yo code` makes it, with telemetry. */
import { createTelemetry, type Telemetry, type TelemetryStatus } from '@cortex/telemetry';
import * as vscode from 'vscode';

let telemetry: Telemetry | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<TelemetryStatus> {
  telemetry = createTelemetry(context, { endpoint: process.env['RECEIVER'], tier: () => 'free' });
  context.subscriptions.push(telemetry);
  const { traceparent } = telemetry.uiInteraction('command', vscode.env.uriScheme, () =>
    telemetry!.withTraceContext({ name: 'x' }) && telemetry!.traceContext(),
  );
  telemetry.error(new Error(traceparent ?? ''), { type: 'Error' });
  await telemetry.flush();
  return telemetry.status();
}

export function deactivate(): Promise<void> | undefined {
  return telemetry?.deactivate();
}
