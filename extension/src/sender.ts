/**
 * Sends envelopes one after the other, in the background, until the receiver has stored them.
 *
 * What an answer means (OTLP 1.11, https://opentelemetry.io/docs/specs/otlp/#otlphttp-response):
 *
 * | answer | meaning |
 * | --- | --- |
 * | 200 with a JSON object | stored; what `partialSuccess` says was rejected is counted |
 * | 429, 502, 503, 504 | later, after `Retry-After` or a growing delay with jitter |
 * | 401, 403 | kept; not tried again before the next start: a wrong token stays wrong |
 * | another 4xx or 5xx with an OTLP `Status` | refused for good: dropped and counted |
 * | anything else: no answer, HTML, a redirect | whoever listens there isn't our receiver: later |
 */
import { Agent, type IncomingMessage, request } from 'node:http';

import type { Envelope, Outbox } from './outbox';

export interface SenderOptions {
  /**
   * `http://127.0.0.1:4318`; the path of the signal is added. Asked before each request, since the
   * user may change it; `undefined` where there is none to send to.
   */
  readonly endpoint: () => string | undefined;
  /** Where the operator wants one: sent as `Authorization: Bearer`. */
  readonly token?: string;
  readonly timeoutMs: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

export const SENDER_DEFAULTS = { timeoutMs: 10_000, minDelayMs: 1000, maxDelayMs: 60_000 };

/** What the sender has seen so far. */
export interface Counts {
  sent: number;
  rejected: number;
  failures: number;
  lastFailure: string;
}

type Outcome =
  | { readonly kind: 'stored'; readonly rejected: number }
  | { readonly kind: 'refused' | 'forbidden' | 'later'; readonly why: string; readonly delayMs?: number };

const RETRYABLE = new Set([429, 502, 503, 504]);
const MAX_RETRY_AFTER_MS = 3_600_000;
const MAX_ANSWER_LENGTH = 65_536;

export class Sender {
  readonly counts: Counts = { sent: 0, rejected: 0, failures: 0, lastFailure: '' };
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private timer: NodeJS.Timeout | undefined;
  private draining: Promise<void> | undefined;
  private abort = new AbortController();
  private delayMs = 0;
  /** What the receiver asked for; a window that closes keeps to it as well. */
  private notBeforeMs = 0;
  private isStopped = false;
  private isForbidden = false;
  private isWanted = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly options: SenderOptions,
    private readonly onDropped: (reason: string, records: number) => void,
    /** Asked before each envelope; takes up what other windows left. */
    private readonly beforeSending: () => void,
  ) {}

  /** Something was written. While a delay runs, it waits with the rest. */
  wake(): void {
    if (this.isStopped || this.isForbidden || this.timer !== undefined) {
      return;
    }
    // One that is at its end may not have seen what was written just now.
    this.isWanted = this.draining !== undefined;
    void this.drain();
  }

  /** Send until the outbox is empty or the receiver can't take more; never rejects. */
  drain(): Promise<void> {
    this.draining ??= this.sendAll()
      .catch(() => {
        this.counts.failures += 1; // the editor's own objects may raise
        this.counts.lastFailure = 'internal';
      })
      .finally(() => {
        this.draining = undefined;
        if (this.isWanted) {
          this.wake();
        }
      });
    return this.draining;
  }

  /** Consent or the endpoint changed: break off what is on its way, and forget the delay. */
  cancel(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.clearTimer();
    this.delayMs = 0;
    this.notBeforeMs = 0;
    this.isForbidden = false;
  }

  /** The window closes: whatever isn't sent stays on disk. */
  stop(): void {
    this.isStopped = true;
    this.clearTimer();
    this.abort.abort();
    this.agent.destroy();
  }

  private async sendAll(): Promise<void> {
    await this.outbox.settle();
    if (this.isForbidden || Date.now() < this.notBeforeMs) {
      return;
    }
    this.clearTimer();
    this.beforeSending();
    for (;;) {
      const envelope = this.isStopped ? undefined : this.outbox.next();
      if (envelope === undefined) {
        return;
      }
      const signal = this.abort.signal;
      const body = await this.outbox.read(envelope);
      if (signal.aborted) {
        return;
      }
      if (body === undefined) {
        continue;
      }
      const outcome = await this.post(envelope, body, signal);
      if (signal.aborted || !this.settled(envelope, outcome)) {
        return;
      }
      // A window with a full outbox must not keep the extension's thread.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Act on an answer; `true` if the next envelope may follow. */
  private settled(envelope: Envelope, outcome: Outcome): boolean {
    if (outcome.kind === 'stored') {
      this.outbox.remove(envelope);
      const rejected = Math.min(outcome.rejected, envelope.records);
      this.counts.sent += envelope.records - rejected;
      this.counts.rejected += rejected;
      this.delayMs = 0;
      return true;
    }
    this.counts.failures += 1;
    this.counts.lastFailure = outcome.why;
    if (outcome.kind === 'refused') {
      this.outbox.remove(envelope);
      this.onDropped('refused', envelope.records);
      return true;
    }
    if (outcome.kind === 'forbidden') {
      this.isForbidden = true;
      return false;
    }
    const { minDelayMs, maxDelayMs } = this.options;
    this.delayMs = Math.min(maxDelayMs, Math.max(minDelayMs, this.delayMs * 2));
    this.notBeforeMs = Date.now() + (outcome.delayMs ?? 0);
    // Half fixed, half random: several windows must not come back at the same moment.
    const delay = Math.max(outcome.delayMs ?? 0, this.delayMs * (0.5 + Math.random() / 2));
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.notBeforeMs = 0;
      void this.drain();
    }, delay);
    this.timer.unref();
    return false;
  }

  private post(envelope: Envelope, body: Uint8Array, signal: AbortSignal): Promise<Outcome> {
    return new Promise((resolve) => {
      const later = (why: string): void => resolve({ kind: 'later', why });
      try {
        const endpoint = this.options.endpoint();
        if (endpoint === undefined) {
          later('endpoint');
          return;
        }
        const outgoing = request(
          `${endpoint}/v1/${envelope.signal}`,
          {
            method: 'POST',
            agent: this.agent,
            signal,
            headers: {
              'Content-Type': 'application/json',
              'Content-Length': body.length,
              ...(this.options.token ? { Authorization: `Bearer ${this.options.token}` } : {}),
            },
          },
          (answer) => {
            readAnswer(answer).then((text) => resolve(judge(answer, text)), () => later('broken answer'));
          },
        );
        outgoing.on('error', (error: NodeJS.ErrnoException) => later(error.code ?? 'no answer'));
        // One limit for the whole exchange: a server that sends a byte a second is slow too.
        const limit = setTimeout(() => {
          later('timeout');
          outgoing.destroy();
        }, this.options.timeoutMs);
        limit.unref();
        outgoing.on('close', () => clearTimeout(limit));
        outgoing.end(body);
      } catch {
        later('no request');
      }
    });
  }

  private clearTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

async function readAnswer(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_LENGTH) {
      answer.destroy();
      throw new Error('too long');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function judge(answer: IncomingMessage, text: string): Outcome {
  const status = answer.statusCode ?? 0;
  const why = `status ${status}`;
  if (RETRYABLE.has(status)) {
    const delayMs = retryAfterMs(answer.headers['retry-after']);
    return { kind: 'later', why, ...(delayMs === undefined ? {} : { delayMs }) };
  }
  const told = objectOf(answer.headers['content-type'], text);
  if (told === undefined) {
    return { kind: 'later', why: `${why}, not from an OTLP receiver` };
  }
  if (status === 200) {
    return { kind: 'stored', rejected: rejectedBy(told) };
  }
  if (status === 401 || status === 403) {
    return { kind: 'forbidden', why };
  }
  return status >= 400 && status < 600 && ('message' in told || 'code' in told)
    ? { kind: 'refused', why }
    : { kind: 'later', why };
}

function objectOf(contentType: string | undefined, text: string): Record<string, unknown> | undefined {
  if (!/^application\/json\b/i.test(contentType ?? '')) {
    return undefined;
  }
  try {
    const told: unknown = JSON.parse(text);
    return typeof told === 'object' && told !== null && !Array.isArray(told)
      ? (told as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function rejectedBy(told: Record<string, unknown>): number {
  const partial = told['partialSuccess'];
  if (typeof partial !== 'object' || partial === null) {
    return 0;
  }
  const { rejectedLogRecords, rejectedSpans } = partial as Record<string, unknown>;
  const rejected = Number(rejectedLogRecords ?? rejectedSpans ?? 0); // int64: a number or a string
  return Number.isFinite(rejected) && rejected > 0 ? rejected : 0;
}

/** Milliseconds to wait by `Retry-After`, seconds or a date; at most an hour. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) {
    return undefined;
  }
  const seconds = /^\d{1,9}$/.test(header.trim()) ? Number(header) : undefined;
  const wait = seconds === undefined ? Date.parse(header) - now : seconds * 1000;
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), MAX_RETRY_AFTER_MS) : undefined;
}
