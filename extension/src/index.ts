/**
 * Telemetry of Cortex's IDE extension.
 *
 * ```ts
 * import { createTelemetry } from '@cortex/telemetry';
 *
 * let telemetry: Telemetry;
 * export function activate(context: vscode.ExtensionContext) {
 *   telemetry = createTelemetry(context, { tier: () => licence.tier, userId: account.id });
 *   telemetry.install();
 *   telemetry.activate();
 *   vscode.commands.registerCommand('cortex.openPanel', () =>
 *     telemetry.uiInteraction('click', 'open_panel', () => openPanel()));
 * }
 * export const deactivate = () => telemetry.deactivate();
 * ```
 *
 * What is recorded stays on this machine: it goes to `cortex-otel serve` on the loopback, and only
 * as far as the editor's telemetry level and the extension's own setting allow. No method raises,
 * blocks or waits for the receiver; what can't be sent now waits on disk. How it all works, and
 * what is kept of each value: `docs/how-to/extension.md`.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import * as vscode from 'vscode';

import { Counter } from './counter';
import { disabled } from './disabled';
import { Endpoint, ENDPOINT_PROBLEM } from './endpoint';
import { detectIde, osType } from './ide';
import { versionOf } from './identity';
import { LIMITS, type Limits, Outbox } from './outbox';
import { Pipeline } from './pipeline';
import * as sc from './semconv';
import { Sender, SENDER_DEFAULTS } from './sender';
import { CortexTelemetry } from './telemetry';
import type { Telemetry, TelemetryContext, TelemetryOptions } from './types';

export type * from './eventTypes';
export type { Result, Tier } from './semconv';
export type {
  ErrorOptions, Level, Telemetry, TelemetryContext, TelemetryOptions,
  TelemetryStatus, TraceContext,
} from './types';

const VERSION = '0.1.0';

/** Waits and sizes; tests shorten them. @internal */
export interface Tuning extends Partial<Limits> {
  readonly timeoutMs?: number;
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
}

/**
 * Start telemetry for an extension. Call it once, first thing in `activate`.
 *
 * @param context of the extension; envelopes go to its `globalStorageUri`.
 * @returns what records. It never raises: where it can't start, it records nothing, and
 *     `status().problem` says why.
 */
export function createTelemetry(
  context: TelemetryContext, options: TelemetryOptions,
): Telemetry {
  return createTunedTelemetry(context, options, {});
}

/** The same with other waits and sizes. @internal */
export function createTunedTelemetry(
  context: TelemetryContext, options: TelemetryOptions, tuning: Tuning,
): Telemetry {
  try {
    const endpoint = new Endpoint(options);
    if (endpoint.isRefused) {
      return disabled(ENDPOINT_PROBLEM);
    }
    const sessionId = randomBytes(16).toString('hex');
    const ide = detectIde(vscode.env, vscode.version);
    const version = versionOf(context);
    const dropped = new Counter();
    const onDropped = (reason: string, records: number): void => dropped.add(reason, records);
    const directory = join(context.globalStorageUri.fsPath, 'cortex-telemetry', 'outbox');
    const outbox = new Outbox(directory, { ...LIMITS, ...tuning }, onDropped);
    const sender = new Sender(
      outbox,
      {
        ...SENDER_DEFAULTS, ...tuning, endpoint: () => endpoint.url,
        ...(options.token ? { token: options.token } : {}),
      },
      onDropped,
      () => telemetry.adopt(),
    );
    const resource = {
      [sc.SERVICE_NAME]: 'cortex-extension',
      ...(version ? { [sc.SERVICE_VERSION]: version, [sc.CORTEX_EXTENSION_VERSION]: version } : {}),
      [sc.CORTEX_SERVICE]: 'extension',
      [sc.CORTEX_IDE]: ide.name,
      ...(ide.version ? { [sc.CORTEX_IDE_VERSION]: ide.version } : {}),
      [sc.OS_TYPE]: osType(process.platform),
      [sc.PROCESS_RUNTIME_NAME]: 'nodejs',
      [sc.PROCESS_RUNTIME_VERSION]: process.versions.node,
      [sc.SESSION_ID]: sessionId,
      [sc.TELEMETRY_SDK_NAME]: 'opentelemetry',
      [sc.TELEMETRY_SDK_LANGUAGE]: 'nodejs',
      [sc.TELEMETRY_SDK_VERSION]: '3.1.1',
      [sc.TELEMETRY_DISTRO_NAME]: '@cortex/telemetry',
      [sc.TELEMETRY_DISTRO_VERSION]: VERSION,
    };
    const pipeline = new Pipeline(resource, VERSION, outbox, () => sender.wake());
    const telemetry: CortexTelemetry = new CortexTelemetry({
      context, options, sessionId, ide, endpoint, outbox, pipeline, sender, dropped,
    });
    context.subscriptions.push(telemetry);
    return telemetry;
  } catch (error) {
    return disabled(`start: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
