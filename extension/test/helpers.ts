/** A receiver that can be told how to behave, an editor's window over a directory, and a wait. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ExtensionContext } from 'vscode';

import { createTunedTelemetry, type Telemetry, type TelemetryOptions, type Tuning } from '../src/index';
import { contextOf, host } from './vscode';

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'reset';

/** Answers as it is told, `{}` with 200 by default, and remembers what it was sent. */
export class Receiver {
  readonly requests: Request[] = [];
  answer: (request: Request) => Answer = () => ({ status: 200, body: '{}' });
  private server: Server | undefined;
  private port = 0;

  async start(): Promise<this> {
    this.server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const request = {
          path: incoming.url ?? '',
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        };
        this.requests.push(request);
        const answer = this.answer(request);
        if (answer === 'reset') {
          incoming.socket.destroy();
        } else if (answer !== 'hang') {
          outgoing.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
          outgoing.end(answer.body ?? '{}');
        }
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(undefined));
    this.server = undefined;
  }

  /** Log records of all requests, attributes as plain objects. */
  get events(): OtlpEvent[] {
    return this.requests.flatMap((request) => eventsOf(request.body));
  }
}

export interface OtlpEvent {
  readonly name: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly severityNumber?: number;
  readonly timeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly kind: 'log' | 'span';
  readonly attributes: Record<string, unknown>;
  readonly resource: Record<string, unknown>;
}

/** Log records and spans of an OTLP JSON request. */
export function eventsOf(body: string): OtlpEvent[] {
  const request = JSON.parse(body);
  const events: OtlpEvent[] = [];
  for (const resource of [...(request.resourceLogs ?? []), ...(request.resourceSpans ?? [])]) {
    for (const scope of [...(resource.scopeLogs ?? []), ...(resource.scopeSpans ?? [])]) {
      for (const record of [...(scope.logRecords ?? []), ...(scope.spans ?? [])]) {
        events.push({
          ...record,
          name: record.eventName ?? record.name,
          timeUnixNano: record.timeUnixNano ?? record.startTimeUnixNano,
          kind: record.eventName === undefined ? 'span' : 'log',
          attributes: plain(record.attributes),
          resource: plain(resource.resource.attributes),
        });
      }
    }
  }
  return events;
}

function plain(attributes: { key: string; value: Record<string, unknown> }[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** One user's machine: a storage directory and a receiver, and the windows opened on it. */
export class Machine {
  readonly storage = mkdtempSync(join(tmpdir(), 'cortex-telemetry-'));
  readonly receiver = new Receiver();
  readonly context = contextOf(this.storage);
  private readonly windows: Telemetry[] = [];

  open(
    options: Partial<TelemetryOptions> = {},
    tuning: Tuning = {},
  ): Telemetry {
    const telemetry = createTunedTelemetry(
      this.context as unknown as ExtensionContext,
      { endpoint: this.receiver.endpoint, tier: 'free', ...options },
      { minDelayMs: 20, maxDelayMs: 100, timeoutMs: 2000, ...tuning },
    );
    this.windows.push(telemetry);
    return telemetry;
  }

  get outbox(): string {
    return join(this.storage, 'cortex-telemetry', 'outbox');
  }

  /** Names of the envelopes on disk. */
  get envelopes(): string[] {
    try {
      return readdirSync(this.outbox).sort();
    } catch {
      return [];
    }
  }

  /** Everything in the storage directory, as one text. */
  get stored(): string {
    return readdirSync(this.storage, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), 'latin1')}`)
      .join('\n');
  }

  /** Faults that telemetry swallowed to spare its host: a test must see them. */
  get faults(): number {
    return this.windows.reduce((sum, one) => sum + one.status().faults, 0);
  }

  async remove(): Promise<void> {
    for (const telemetry of this.windows) {
      telemetry.dispose();
    }
    await this.receiver.stop();
    host.reset();
    rmSync(this.storage, { recursive: true, force: true });
  }
}

/** Wait until `condition` holds; fails after 10 s. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error(`${what} did not come to hold`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
