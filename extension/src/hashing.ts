/**
 * Hashes that stand for a user or a text: the same as `cortex_otel/identity.py` makes of a user,
 * and of the same form for texts.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY_BYTES = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * UTF-8 as Python's `surrogatepass` writes it. Node writes U+FFFD for half a surrogate pair, and so
 * would count two users as one.
 */
export function utf8(text: string): Buffer {
  if (!LONE_SURROGATE.test(text)) {
    return Buffer.from(text, 'utf8');
  }
  const parts = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code >= 0xd800 && code <= 0xdfff
      ? Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
      : Buffer.from(character, 'utf8');
  });
  return Buffer.concat(parts);
}

/**
 * 64 hex digits that stand for a user id and don't lead back to it.
 *
 * @param userId in the clear; kept nowhere.
 * @param key `CORTEX_OTEL_USER_HASH_KEY` of the installation: HMAC-SHA-256 in place of SHA-256.
 */
export function userHash(userId: string, key?: string): string {
  const data = utf8(userId);
  const hash = key ? createHmac('sha256', utf8(key)) : createHash('sha256');
  return hash.update(data).digest('hex');
}

/** Makes 16 hex digits of a text: equal texts can be counted, and none can be guessed. */
export type TextHash = (text: string) => string;

/**
 * Texts are hashed with a key that never leaves `directory`.
 *
 * Where the directory can't be written the key lives as long as the window: hashes then don't
 * compare between windows, and nothing else is lost. It is made at the first text, so that nothing
 * is written where telemetry is off.
 */
export function textHash(directory: string): { hash: TextHash; forget: () => void } {
  let key: Buffer | undefined;
  return {
    hash: (text) => {
      key ??= readOrMakeKey(directory);
      return createHmac('sha256', key).update(utf8(text)).digest('hex').slice(0, 16);
    },
    forget: () => {
      key = undefined;
      remove(join(directory, 'text-hash.key'));
    },
  };
}

function readOrMakeKey(directory: string): Buffer {
  const path = join(directory, 'text-hash.key');
  const read = (): Buffer | undefined => {
    try {
      const key = readFileSync(path);
      return key.length === KEY_BYTES ? key : undefined;
    } catch {
      return undefined;
    }
  };
  const found = read();
  if (found) {
    return found;
  }
  const key = randomBytes(KEY_BYTES);
  // Written under another name and linked, so that a window that opens at the same moment never
  // reads half a key; whoever links first wins.
  const draft = join(directory, `.text-hash.key.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(draft, key, { mode: 0o600, flag: 'wx' });
    linkSync(draft, path);
    return key;
  } catch {
    return read() ?? key;
  } finally {
    remove(draft);
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // a directory that can't be written holds nothing of ours either
  }
}
