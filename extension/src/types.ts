/**
 * What an extension's author sees. Nothing here needs another package's types, the editor's neither:
 * they must hold whichever an author has.
 */
import type { EventMethods } from './eventTypes';
import type { Tier } from './semconv';

/** `error`: errors alone, as the editor's level of that name. */
export type Level = 'all' | 'error' | 'off';

/** What is used of the `vscode.ExtensionContext` that `activate` is given. */
export interface TelemetryContext {
  readonly subscriptions: { dispose(): unknown }[];
  readonly globalStorageUri: { readonly fsPath: string };
  readonly globalState: {
    get(key: string): unknown;
    update(key: string, value: unknown): PromiseLike<void>;
  };
  readonly extension: { readonly packageJSON: unknown };
}

/** W3C trace context as MCP carries it in `_meta` (SEP-414); empty outside a trace. */
export interface TraceContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

export interface TelemetryOptions {
  /**
   * Where `cortex-otel serve` takes OTLP/HTTP: an `http` URL on this machine's own loopback, since
   * nothing leaves the machine. Default: `http://127.0.0.1:4318`. Not for what was read from a
   * setting, which a repository may have set: that is `endpointSetting`.
   */
  readonly endpoint?: string | undefined;
  /**
   * The user's setting for the endpoint. Read from the user's own settings, never a repository's,
   * and followed while the window is open; where it has a value, by the user or by default in
   * `package.json`, `endpoint` isn't asked. `''` for none. Default: `cortex.telemetry.endpoint`.
   */
  readonly endpointSetting?: string | undefined;
  /** The user's tier, or how to ask for it: it may change while the window is open. */
  readonly tier: Tier | (() => Tier);
  /** The user's id in the clear, or how to ask for it; hashed at once and kept nowhere. */
  readonly userId?: string | (() => string | undefined) | undefined;
  /** `CORTEX_OTEL_USER_HASH_KEY`: the hash is then HMAC-SHA-256. The same key as the servers'. */
  readonly userHashKey?: string | undefined;
  /** `CORTEX_OTEL_RECEIVER_TOKEN`, where the operator set one. */
  readonly token?: string | undefined;
  /**
   * The extension's own setting: a boolean, or `all`, `error`, `off`. Contribute it in
   * `package.json` with `"scope": "application"` and the tags `telemetry` and
   * `usesOnlineServices`. A repository can switch it off, never on. `''` for none. Default:
   * `cortex.telemetry.enabled`.
   */
  readonly setting?: string | undefined;
}

export interface ErrorOptions {
  /** In place of the error's own class. */
  readonly type?: string;
  /** The extension can't go on: written to disk before the call returns. */
  readonly crash?: boolean;
  /** Default: `timeout` for a `TimeoutError`, else `error`. */
  readonly result?: 'error' | 'timeout';
}

/** What has become of everything that was recorded in this window. */
export interface TelemetryStatus {
  readonly level: Level;
  /** Why nothing is recorded, or sent, although the user would allow it; `''` if all is well. */
  readonly problem: string;
  readonly sessionId: string;
  readonly queued: { readonly envelopes: number; readonly bytes: number };
  /** Records that the receiver has stored, and those that it rejected one by one. */
  readonly sent: number;
  readonly rejected: number;
  /** Records that were lost, by reason: `age`, `size`, `disk`, `overload`, `refused`, `unreadable`, `host`. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Values left out of events, by `event.field`. */
  readonly rejectedValues: Readonly<Record<string, number>>;
  /** Attempts to send that failed, and the last one's reason. */
  readonly failures: number;
  readonly lastFailure: string;
  /** Faults of the telemetry itself, swallowed to spare the extension; 0 unless there is a bug. */
  readonly faults: number;
}

/** No method raises, blocks, or waits for the receiver. */
export interface Telemetry extends EventMethods {
  /** The extension was installed: recorded once on a machine. Call it at every activation. */
  install(): void;
  /**
   * The extension was activated.
   *
   * @param projectPath kept as length and hash. Default: the first folder of the workspace.
   */
  activate(projectPath?: string): void;
  /**
   * The user did something.
   *
   * @param action `click`, `command` …: a name out of your code, never what a user typed.
   * @param element `open_panel` …: the same.
   */
  uiInteraction(action: string, element?: string): void;
  /**
   * The same, with the work that it causes: the event gets the work's duration and outcome, and
   * what happens inside is part of its trace.
   *
   * @param work called once, whatever happens; its result, or what it throws, is passed on.
   */
  uiInteraction<T>(action: string, element: string | undefined, work: () => T): T;
  /** Something failed. Kept: type, file name, function and line; the message as length and hash. */
  error(error: unknown, options?: ErrorOptions): void;
  /** The trace that the code runs in; empty outside `uiInteraction`'s work. */
  traceContext(): TraceContext;
  /** An MCP request with the trace in its `_meta`: `client.callTool(telemetry.withTraceContext({…}))`. */
  withTraceContext<T extends object>(request: T): T;
  status(): TelemetryStatus;
  /** Write and send what there is; `true` if the receiver has stored all of it. */
  flush(): Promise<boolean>;
  /** Return it from the extension's `deactivate`: within a second all is on disk, or sent. */
  deactivate(): Promise<void>;
  /** Writes what there is; the context's subscriptions call it. */
  dispose(): void;
}
