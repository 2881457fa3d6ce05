/** Typed events in, envelopes out: what `createTelemetry` returns. */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';

import { SeverityNumber, SpanStatusCode } from '@opentelemetry/api';
import * as vscode from 'vscode';

import { type Attributes, sieve } from './attributes';
import { Consent } from './consent';
import { Counter } from './counter';
import { type Endpoint, ENDPOINT_PROBLEM } from './endpoint';
import {
  attributesOf, type EventType, markFailure, outcomeOf, valuesOfError,
} from './eventType';
import * as events from './events';
import { type Failure, followed } from './followed';
import { textHash } from './hashing';
import type { Ide } from './ide';
import { Identity, versionOf } from './identity';
import type { Outbox } from './outbox';
import type { Pipeline } from './pipeline';
import * as sc from './semconv';
import type { Sender } from './sender';
import { ActiveTrace } from './trace';
import type {
  ErrorOptions, Level, Telemetry, TelemetryContext, TelemetryOptions,
  TelemetryStatus, TraceContext,
} from './types';

/** Most of the second that an extension has to deactivate. */
const DEACTIVATE_MS = 700;
/** Events that the host's logger has taken and not yet handed to the sender. */
const MAX_DRAFTS = 1024;
const INSTALLED = 'cortex.telemetry.installed';

/** An event that waits for the host's logger to clean its data and hand it on. */
interface Draft {
  readonly finish: (attributes: Attributes) => void;
}

/** What the composition root hands over. */
export interface Parts {
  readonly context: TelemetryContext;
  readonly options: TelemetryOptions;
  readonly sessionId: string;
  readonly ide: Ide;
  readonly endpoint: Endpoint;
  readonly outbox: Outbox;
  readonly pipeline: Pipeline;
  readonly sender: Sender;
  readonly dropped: Counter;
}

export class CortexTelemetry extends events.Events implements Telemetry {
  private readonly active = new ActiveTrace();
  private readonly drafts = new Map<string, Draft>();
  private readonly rejectedValues = new Counter();
  private readonly identity: Identity;
  private readonly texts: ReturnType<typeof textHash>;
  private readonly logger: vscode.TelemetryLogger;
  private readonly consent: Consent;
  private readonly following: vscode.Disposable;
  private readonly onExit = (): void => this.guard(() => this.parts.pipeline.flush(true));
  private faults = 0;
  /** Raised when consent ends: what began before it is not recorded when it is given again. */
  private consents = 0;
  private closing: Promise<void> | undefined;

  constructor(private readonly parts: Parts) {
    super();
    const { options, outbox, sender } = parts;
    this.identity = new Identity(options, parts.sessionId, () => this.rejectedValues.add('tier'));
    this.texts = textHash(dirname(outbox.directory));
    this.logger = vscode.env.createTelemetryLogger(
      {
        sendEventData: (name, data) => this.sendEventData(name, data),
        sendErrorData: (error) => this.sendErrorData(error),
      },
      { ignoreBuiltInCommonProperties: true },
    );
    const setting = options.setting ?? 'cortex.telemetry.enabled';
    this.consent = new Consent(this.logger, setting, (level) => {
      this.guard(() => this.allow(level));
    });
    this.following = parts.endpoint.onChange(() => {
      this.guard(() => {
        sender.cancel();
        if (this.level !== 'off') {
          sender.wake();
        }
      });
    });
    this.adopt();
    process.once('exit', this.onExit);
    if (this.level !== 'off') {
      sender.wake();
    }
  }

  install(): void {
    this.guard(() => {
      const state = this.parts.context.globalState;
      if (this.level !== 'all' || state.get(INSTALLED) !== undefined) {
        return;
      }
      const { ide } = this.parts;
      this.record(events.INSTALL, {
        ide: ide.name,
        ideVersion: ide.version || undefined,
        version: versionOf(this.parts.context) || undefined,
      });
      state.update(INSTALLED, true).then(undefined, () => undefined);
    });
  }

  activate(projectPath?: string): void {
    this.guard(() => {
      const { ide } = this.parts;
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
      this.record(events.ACTIVATE, {
        ide: ide.name,
        ideVersion: ide.version || undefined,
        projectPath: projectPath ?? folder,
      });
    });
  }

  uiInteraction(action: string, element?: string): void;
  uiInteraction<T>(action: string, element: string | undefined, work: () => T): T;
  uiInteraction<T>(action: string, element?: string, work?: () => T): T | undefined {
    if (work === undefined) {
      this.guard(() => this.record(events.UI_INTERACTION, { action, element }));
      return undefined;
    }
    return this.timed(events.UI_INTERACTION, { action, element }, work);
  }

  protected recordFields(event: EventType, fields: object): void {
    this.guard(() => this.record(event, { ...fields }));
  }

  protected timeFields<T>(event: EventType, fields: object, work: () => T): T {
    return this.timed(event, { ...fields }, work);
  }

  error(error: unknown, options: ErrorOptions = {}): void {
    this.guard(() => {
      this.record(events.EXTENSION_ERROR, valuesOfError(error, options));
      if (options.crash) {
        this.parts.pipeline.flush(true);
      }
    });
  }

  traceContext(): TraceContext {
    return this.guard(() => (this.level === 'all' ? this.active.traceContext : {})) ?? {};
  }

  withTraceContext<T extends object>(request: T): T {
    return (
      this.guard(() => {
        const { _meta: meta } = request as { _meta?: object };
        const carried = this.traceContext();
        return carried.traceparent ? { ...request, _meta: { ...meta, ...carried } } : request;
      }) ?? request
    );
  }

  status(): TelemetryStatus {
    const { endpoint, outbox, sender, dropped, sessionId } = this.parts;
    return {
      level: this.level,
      problem: this.guard(() => endpoint.url) === undefined ? ENDPOINT_PROBLEM : '',
      sessionId,
      queued: outbox.size,
      ...sender.counts,
      dropped: { ...dropped.counts },
      rejectedValues: { ...this.rejectedValues.counts },
      faults: this.faults,
    };
  }

  /** Take up what other windows left, as far as the user allows. */
  adopt(): void {
    this.parts.outbox.adopt(this.level, this.everywhere);
  }

  async flush(): Promise<boolean> {
    const { outbox, pipeline, sender } = this.parts;
    this.guard(() => pipeline.flush(false));
    await outbox.settle();
    if (this.level !== 'off') {
      await sender.drain();
    }
    return outbox.size.envelopes === 0;
  }

  deactivate(): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  dispose(): void {
    this.guard(() => this.parts.pipeline.flush(true));
    // A deactivation that is under way ends by itself.
    if (this.closing === undefined) {
      this.end();
    }
  }

  /** The host's logger has checked and cleaned it: ours to keep. */
  private sendEventData(_name: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.guard(() => {
      const uid = data[sc.LOG_RECORD_UID];
      const draft = typeof uid === 'string' ? this.drafts.get(uid) : undefined;
      if (draft !== undefined && typeof uid === 'string') {
        this.drafts.delete(uid);
        draft.finish(sieve(data, () => this.rejectedValues.add('host')));
      }
    });
  }

  /** An error of this extension that nobody caught. */
  private sendErrorData(error: Error): void {
    this.guard(() => {
      if (this.level === 'off') {
        return;
      }
      const values = valuesOfError(error, { crash: true });
      const attributes = this.attributesOf(events.EXTENSION_ERROR, values);
      this.emit(events.EXTENSION_ERROR, sieve(attributes, () => this.rejectedValues.add('error')), Date.now());
      this.parts.pipeline.flush(true);
    });
  }

  private record(event: EventType, values: Readonly<Record<string, unknown>>): void {
    const isError = event === events.EXTENSION_ERROR;
    if (!this.isAllowed(isError)) {
      return;
    }
    const time = Date.now();
    const context = this.active.context;
    this.submit(event, this.attributesOf(event, values), {
      finish: (clean) => this.emit(event, clean, time, context),
    });
  }

  /** Run `work` once, as a span where the user lets us. */
  private timed<T>(
    event: EventType, values: Readonly<Record<string, unknown>>, work: () => T,
  ): T {
    const span = this.guard(() =>
      this.isAllowed(false)
        ? this.parts.pipeline.tracer.startSpan(event.name, {}, this.active.context)
        : undefined,
    );
    if (span === undefined) {
      return work();
    }
    const identity = this.identity.attributes();
    const { consents } = this;
    const end = (failure?: Failure): void => {
      this.guard(() => {
        if (!this.isAllowed(false) || consents !== this.consents) {
          return;
        }
        const attributes = this.attributesOf(event, values);
        if (failure !== undefined) {
          Object.assign(attributes, outcomeOf(failure.thrown));
          markFailure(attributes);
        }
        this.submit(event, attributes, {
          finish: ({ [sc.LOG_RECORD_UID]: _, ...clean }) => {
            span.setAttributes({ ...clean, ...identity, [sc.CORTEX_EVENT_TYPE]: event.name });
            if (sc.FAILED_RESULTS.has(clean[sc.CORTEX_RESULT])) {
              span.setStatus({ code: SpanStatusCode.ERROR });
            }
            span.end();
          },
        });
      });
    };
    return followed(() => this.active.run(span, work), end);
  }

  /** Hand an event to the host's logger, which cleans its data, shows it and hands it on. */
  private submit(event: EventType, attributes: Attributes, draft: Draft): void {
    const uid = randomBytes(16).toString('hex');
    this.drafts.set(uid, draft);
    if (this.drafts.size > MAX_DRAFTS) {
      const [oldest] = this.drafts.keys();
      this.drafts.delete(oldest ?? '');
      this.parts.dropped.add('host');
    }
    const data = { ...attributes, [sc.LOG_RECORD_UID]: uid };
    if (event === events.EXTENSION_ERROR) {
      this.logger.logError(event.name, data);
    } else {
      this.logger.logUsage(event.name, data);
    }
  }

  private emit(
    event: EventType, clean: Attributes, timestamp: number, context = this.active.context,
  ): void {
    const isFailure = sc.FAILED_RESULTS.has(clean[sc.CORTEX_RESULT]);
    const severityNumber = clean[sc.CORTEX_ERROR_CRASH]
      ? SeverityNumber.FATAL
      : isFailure ? SeverityNumber.ERROR : SeverityNumber.INFO;
    this.parts.pipeline.logger.emit({
      eventName: event.name,
      timestamp,
      severityNumber,
      context,
      attributes: {
        [sc.LOG_RECORD_UID]: randomBytes(16).toString('hex'),
        ...clean,
        ...this.identity.attributes(),
      },
    });
  }

  private attributesOf(
    event: EventType, values: Readonly<Record<string, unknown>>,
  ): Attributes {
    return attributesOf(event, values, this.texts.hash, (field) => this.rejectedValues.add(field));
  }

  /** Asked of the editor each time; what can't be asked is a no. */
  private get level(): Level {
    return this.guard(() => this.consent.level) ?? 'off';
  }

  private get everywhere(): Level {
    return this.guard(() => this.consent.everywhere) ?? 'off';
  }

  private isAllowed(isError: boolean): boolean {
    const level = this.level;
    return this.closing === undefined && (level === 'all' || (isError && level === 'error'));
  }

  /** Consent has changed: what it doesn't allow any more is gone when this returns. */
  private allow(level: Level): void {
    const { outbox, pipeline, sender } = this.parts;
    if (level !== 'all') {
      this.consents += 1;
      this.drafts.clear();
      pipeline.allow(level);
      sender.cancel();
      outbox.allow(level, this.everywhere);
    }
    if (this.everywhere === 'off') {
      this.texts.forget();
    }
    if (level !== 'off') {
      sender.wake();
    }
  }

  private async close(): Promise<void> {
    const { pipeline, sender } = this.parts;
    this.guard(() => pipeline.flush(true));
    if (this.level !== 'off') {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, DEACTIVATE_MS);
      });
      await Promise.race([sender.drain(), late]);
      clearTimeout(timer);
    }
    this.end();
  }

  private end(): void {
    this.closing ??= Promise.resolve();
    this.guard(() => {
      process.off('exit', this.onExit);
      this.parts.sender.stop();
      this.following.dispose();
      this.consent.dispose();
      this.logger.dispose();
    });
  }

  /** Telemetry runs beside the extension, never in its way. */
  private guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      this.faults += 1;
      return undefined;
    }
  }
}
