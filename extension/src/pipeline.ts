/**
 * OpenTelemetry between the typed events and the outbox: what ends is gathered for a moment,
 * serialised as OTLP JSON and put into an envelope.
 *
 * The providers are our own and never registered: an extension host is shared by many extensions,
 * and OpenTelemetry's globals would be everybody's.
 */
import { type Context, type Logger, type Tracer } from '@opentelemetry/api';
import { JsonLogsSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  LoggerProvider, type LogRecordProcessor, type ReadableLogRecord, type ReadWriteLogRecord,
} from '@opentelemetry/sdk-logs';
import {
  AlwaysOnSampler, type ReadableSpan, type SpanProcessor, TracerProvider,
} from '@opentelemetry/sdk-trace';

import type { Attributes } from './attributes';
import type { EnvelopeKind, Outbox } from './outbox';
import { EXT_ERROR } from './semconv';
import type { Level } from './types';

/** What is gathered is written after that long, as by Python's writer. */
const GATHER_MS = 250;
/** Or when it is that many; an envelope of them is some 300 kB. */
const MAX_GATHERED = 256;

const SCOPE = '@cortex/telemetry';
const NEVER = async (): Promise<void> => undefined;

export class Pipeline {
  readonly logger: Logger;
  readonly tracer: Tracer;
  private logs: Record<EnvelopeKind, ReadableLogRecord[]> = { usage: [], error: [] };
  private spans: ReadableSpan[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param onWritten told that an envelope is on its way to the disk. */
  constructor(
    resource: Attributes,
    version: string,
    private readonly outbox: Outbox,
    private readonly onWritten: () => void,
  ) {
    const shared = resourceFromAttributes(resource);
    const logs: LogRecordProcessor = {
      onEmit: (record: ReadWriteLogRecord, _context?: Context) => {
        this.logs[record.eventName === EXT_ERROR ? 'error' : 'usage'].push(record);
        this.gather();
      },
      forceFlush: NEVER,
      shutdown: NEVER,
    };
    const spans: SpanProcessor = {
      onStart: () => undefined,
      onEnd: (span) => {
        this.spans.push(span);
        this.gather();
      },
      forceFlush: NEVER,
      shutdown: NEVER,
    };
    this.logger = new LoggerProvider({ resource: shared, processors: [logs] }).getLogger(SCOPE, version);
    this.tracer = new TracerProvider({
      resource: shared,
      spanProcessors: [spans],
      // Sampling is the receiver's: it knows the weights.
      sampler: new AlwaysOnSampler(),
    }).getTracer(SCOPE, version);
  }

  /** Write what was gathered. `isSync` returns when it is on disk. */
  flush(isSync: boolean): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { logs, spans } = this;
    this.logs = { usage: [], error: [] };
    this.spans = [];
    for (const kind of ['error', 'usage'] as const) {
      this.write(isSync, kind, 'logs', logs[kind].length, () => JsonLogsSerializer.serializeRequest(logs[kind]));
    }
    this.write(isSync, 'usage', 'traces', spans.length, () => JsonTraceSerializer.serializeRequest(spans));
  }

  /** Forget what `level` doesn't allow to be kept. */
  allow(level: Level): void {
    if (level !== 'all') {
      this.logs.usage = [];
      this.spans = [];
    }
    if (level === 'off') {
      this.logs.error = [];
      clearTimeout(this.timer);
      this.timer = undefined;
    }
  }

  private write(
    isSync: boolean,
    kind: EnvelopeKind,
    signal: 'logs' | 'traces',
    records: number,
    serialize: () => Uint8Array | undefined,
  ): void {
    const body = records > 0 ? serialize() : undefined;
    if (body !== undefined) {
      this.outbox[isSync ? 'putSync' : 'put'](kind, signal, records, body);
      this.onWritten();
    }
  }

  private gather(): void {
    if (this.logs.usage.length + this.logs.error.length + this.spans.length >= MAX_GATHERED) {
      this.flush(false);
      return;
    }
    if (this.timer === undefined) {
      this.timer = setTimeout(() => this.flush(false), GATHER_MS);
      this.timer.unref();
    }
  }
}
