/**
 * Envelopes on disk: what is to be sent is written first, and deleted when the receiver has stored
 * it. Every window of the editor shares the directory; an envelope that two of them send is stored
 * once, since its records keep their ids.
 *
 * A name tells all that is needed to decide: `<milliseconds>-<pid>-<number>-<records>.<kind>.<signal>.json`.
 * What is in the file is the body of the OTLP request.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Level } from './types';

/** `error` may be kept at the level of that name, `usage` may not. */
export type EnvelopeKind = 'usage' | 'error';
export type Signal = 'logs' | 'traces';

export interface Envelope {
  readonly name: string;
  readonly timeMs: number;
  readonly kind: EnvelopeKind;
  readonly signal: Signal;
  readonly records: number;
  readonly bytes: number;
  /** Held in memory where the disk didn't take it. */
  readonly body?: Uint8Array;
}

export interface Limits {
  /** Of all envelopes on disk together; the oldest go first, use before errors. */
  readonly maxBytes: number;
  readonly maxEnvelopes: number;
  readonly maxAgeMs: number;
  /** After that long another window sends it too. */
  readonly orphanAgeMs: number;
  /** Of those that are being written. */
  readonly maxPendingBytes: number;
  /** Of those that the disk didn't take. */
  readonly maxMemoryBytes: number;
}

export const LIMITS: Limits = {
  maxBytes: 20_000_000,
  maxEnvelopes: 2000,
  maxAgeMs: 7 * 24 * 3_600_000,
  orphanAgeMs: 300_000,
  maxPendingBytes: 16_000_000,
  maxMemoryBytes: 500_000,
};

const NAME = /^(\d{1,16})-(\d{1,10})-(\d{1,10})-(\d{1,6})\.(usage|error)\.(logs|traces)\.json$/;
const WRITER = /^\d{1,16}-(\d{1,10})-/;
const DRAFT = '.draft';
/** A draft that old was left by a window that was killed while it wrote. */
const DRAFT_AGE_MS = 60_000;

export class Outbox {
  private readonly envelopes = new Map<string, Envelope>();
  private readonly writing = new Set<Promise<void>>();
  private pendingBytes = 0;
  /** Tells two windows apart that the editor opened in one process, one after the other. */
  private number = Math.floor(Math.random() * 1_000_000) * 1000;
  /** Raised when consent ends: a write that was under way then leaves nothing behind. */
  private readonly generation = { usage: 0, error: 0 };

  /**
   * @param directory made at the first envelope.
   * @param onDropped told how many records were lost, and why.
   */
  constructor(
    readonly directory: string,
    private readonly limits: Limits,
    private readonly onDropped: (reason: string, records: number) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** Envelopes and their bytes, on disk and in memory. */
  get size(): { envelopes: number; bytes: number } {
    let bytes = 0;
    for (const envelope of this.envelopes.values()) {
      bytes += envelope.bytes;
    }
    return { envelopes: this.envelopes.size, bytes };
  }

  /** Take up what earlier windows left; what isn't allowed is deleted. Arguments as {@link allow}. */
  adopt(level: Level, everywhere = level): void {
    let names: string[] = [];
    try {
      names = readdirSync(this.directory);
    } catch {
      return; // nothing was ever written
    }
    for (const name of names) {
      if (name.endsWith(DRAFT) && this.isOldDraft(name)) {
        this.unlink(name);
      }
      const isTaken = this.envelopes.has(name) || level !== everywhere;
      const envelope = isTaken ? undefined : this.orphan(name);
      if (envelope) {
        this.envelopes.set(name, envelope);
      }
    }
    this.allow(level, everywhere);
    this.trim();
  }

  /**
   * Delete what isn't allowed to be kept. Synchronous: afterwards it is gone.
   *
   * @param level of what this window has written.
   * @param everywhere of what others have: a repository that restricts this window has no say there.
   */
  allow(level: Level, everywhere = level): void {
    if (level === 'all') {
      return;
    }
    this.generation.usage += 1;
    this.generation.error += level === 'off' ? 1 : 0;
    let names: string[] = [...this.envelopes.keys()];
    try {
      // Also what another window has written since: the user's consent is one for all of them.
      names = [...new Set([...names, ...readdirSync(this.directory)])];
    } catch {
      // nothing was ever written
    }
    for (const name of names) {
      const kind = NAME.exec(name)?.[5];
      const isOurs = kind !== undefined || name.endsWith(DRAFT);
      const isOfThisWindow = WRITER.exec(name)?.[1] === String(process.pid);
      const allowed = isOfThisWindow ? level : everywhere;
      if (isOurs && (allowed === 'off' || (allowed === 'error' && kind !== 'error'))) {
        this.unlink(name);
      } else if (!isOfThisWindow && level !== everywhere) {
        this.envelopes.delete(name); // left to the others
      }
    }
  }

  /** Write an envelope in the background; {@link settle} waits for it. */
  put(kind: EnvelopeKind, signal: Signal, records: number, body: Uint8Array): void {
    if (this.pendingBytes + body.length > this.limits.maxPendingBytes) {
      this.onDropped('overload', records);
      return;
    }
    const envelope = this.envelope(kind, signal, records, body.length);
    const generation = this.generation[kind];
    const path = join(this.directory, envelope.name);
    const write = async (): Promise<void> => {
      try {
        await mkdir(this.directory, { recursive: true, mode: 0o700 });
        await writeFile(path + DRAFT, body, { mode: 0o600 });
        await rename(path + DRAFT, path);
      } catch {
        this.keepInMemory(envelope, body, generation);
        await rm(path + DRAFT, { force: true }).catch(() => undefined);
        return;
      }
      if (generation === this.generation[kind]) {
        this.envelopes.set(envelope.name, envelope);
        this.trim();
      } else {
        await rm(path, { force: true }).catch(() => undefined);
      }
    };
    this.pendingBytes += body.length;
    const writing = write().finally(() => {
      this.writing.delete(writing);
      this.pendingBytes -= body.length;
    });
    this.writing.add(writing);
  }

  /** Write an envelope before returning: a crash, or the end of the process. */
  putSync(kind: EnvelopeKind, signal: Signal, records: number, body: Uint8Array): void {
    const envelope = this.envelope(kind, signal, records, body.length);
    const path = join(this.directory, envelope.name);
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      writeFileSync(path + DRAFT, body, { mode: 0o600 });
      renameSync(path + DRAFT, path);
      this.envelopes.set(envelope.name, envelope);
      this.trim();
    } catch {
      this.keepInMemory(envelope, body, this.generation[kind]);
    }
  }

  /** Resolves when the writes begun so far have ended. */
  async settle(): Promise<void> {
    await Promise.all(this.writing);
  }

  /** The oldest envelope, or `undefined`. Those that are too old are dropped on the way. */
  next(): Envelope | undefined {
    this.trim();
    let oldest: Envelope | undefined;
    for (const envelope of this.envelopes.values()) {
      if (oldest === undefined || isBefore(envelope, oldest)) {
        oldest = envelope;
      }
    }
    return oldest;
  }

  /** Its body; `undefined` if another window has sent it, or it can't be read. */
  async read(envelope: Envelope): Promise<Uint8Array | undefined> {
    if (envelope.body) {
      return envelope.body;
    }
    try {
      const body = await readFile(join(this.directory, envelope.name));
      JSON.parse(body.toString('utf8')); // half a file is no request
      return body;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.onDropped('unreadable', envelope.records);
      }
      this.remove(envelope);
      return undefined;
    }
  }

  /** It was stored, or refused for good. */
  remove(envelope: Envelope): void {
    this.unlink(envelope.name);
  }

  private envelope(
    kind: EnvelopeKind, signal: Signal, records: number, bytes: number,
  ): Envelope {
    const timeMs = this.now();
    this.number += 1;
    const name = `${timeMs}-${process.pid}-${this.number}-${records}.${kind}.${signal}.json`;
    return { name, timeMs, kind, signal, records, bytes };
  }

  /** An envelope that nobody else is about to send: its window is gone, or hasn't managed to. */
  private orphan(name: string): Envelope | undefined {
    const found = NAME.exec(name);
    const timeMs = Number(found?.[1]);
    const pid = Number(found?.[2]);
    const isOthers = pid !== process.pid && this.now() - timeMs <= this.limits.orphanAgeMs && isAlive(pid);
    if (!found || isOthers) {
      return undefined;
    }
    try {
      return {
        name,
        timeMs,
        kind: found[5] as EnvelopeKind,
        signal: found[6] as Signal,
        records: Number(found[4]),
        bytes: statSync(join(this.directory, name)).size,
      };
    } catch {
      return undefined; // another window has just sent it
    }
  }

  private isOldDraft(name: string): boolean {
    try {
      return this.now() - statSync(join(this.directory, name)).mtimeMs > DRAFT_AGE_MS;
    } catch {
      return false;
    }
  }

  private keepInMemory(envelope: Envelope, body: Uint8Array, generation: number): void {
    if (generation !== this.generation[envelope.kind]) {
      return;
    }
    this.envelopes.set(envelope.name, { ...envelope, body });
    let held = 0;
    const inMemory = [...this.envelopes.values()].filter((one) => one.body).sort(byTime);
    for (const one of inMemory) {
      held += one.bytes;
    }
    for (const one of inMemory) {
      if (held <= this.limits.maxMemoryBytes) {
        break;
      }
      held -= one.bytes;
      this.envelopes.delete(one.name);
      this.onDropped('disk', one.records);
    }
  }

  private trim(): void {
    const now = this.now();
    for (const envelope of this.envelopes.values()) {
      // The clock may have been set back: from the future is as wrong as too old.
      if (Math.abs(now - envelope.timeMs) > this.limits.maxAgeMs) {
        this.drop(envelope, 'age');
      }
    }
    let { envelopes, bytes } = this.size;
    if (bytes <= this.limits.maxBytes && envelopes <= this.limits.maxEnvelopes) {
      return;
    }
    const byWorth = [...this.envelopes.values()].sort(
      (a, b) => Number(a.kind === 'error') - Number(b.kind === 'error') || byTime(a, b),
    );
    for (const envelope of byWorth) {
      if (bytes <= this.limits.maxBytes && envelopes <= this.limits.maxEnvelopes) {
        return;
      }
      bytes -= envelope.bytes;
      envelopes -= 1;
      this.drop(envelope, 'size');
    }
  }

  private drop(envelope: Envelope, reason: string): void {
    this.remove(envelope);
    this.onDropped(reason, envelope.records);
  }

  private unlink(name: string): void {
    this.envelopes.delete(name);
    try {
      rmSync(join(this.directory, name), { force: true });
    } catch {
      // a directory that can't be written: the envelope is sent once more, and stored once
    }
  }
}

function byTime(a: Envelope, b: Envelope): number {
  return a.timeMs - b.timeMs || numberOf(a) - numberOf(b);
}

function isBefore(a: Envelope, b: Envelope): boolean {
  return byTime(a, b) < 0;
}

function numberOf(envelope: Envelope): number {
  return Number(NAME.exec(envelope.name)?.[3] ?? 0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // asks, and sends nothing
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
