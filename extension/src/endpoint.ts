/** Where envelopes go: this machine's own loopback, and by nobody's word but the user's. */
import * as vscode from 'vscode';

import { ownValue } from './settings';
import type { TelemetryOptions } from './types';

export const ENDPOINT_PROBLEM =
  'endpoint: must be an http URL of this machine (127.0.0.1, localhost or [::1])';

const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318';
const DEFAULT_SETTING = 'cortex.telemetry.endpoint';
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

export class Endpoint {
  private readonly setting: string;

  constructor(private readonly options: TelemetryOptions) {
    this.setting = options.endpointSetting ?? DEFAULT_SETTING;
  }

  /** As of now, without a path; `undefined` if it isn't on this machine. */
  get url(): string | undefined {
    return loopback(this.set ?? this.options.endpoint ?? DEFAULT_ENDPOINT);
  }

  /** The extension's code names another machine. A user's slip can be mended, this can't. */
  get isRefused(): boolean {
    return this.set === undefined && this.url === undefined;
  }

  /** @param listener told that the setting may have changed. */
  onChange(listener: () => void): vscode.Disposable {
    return vscode.workspace.onDidChangeConfiguration((change) => {
      if (this.setting && change.affectsConfiguration(this.setting)) {
        listener();
      }
    });
  }

  private get set(): unknown {
    return this.setting ? (ownValue(this.setting) ?? undefined) : undefined;
  }
}

function loopback(endpoint: unknown): string | undefined {
  try {
    const url = new URL(String(endpoint));
    return url.protocol === 'http:' && LOOPBACK.has(url.hostname) ? url.origin : undefined;
  } catch {
    return undefined;
  }
}
