/**
 * What a value of the extension becomes. One that makes no sense never raises in the extension: it
 * is left out and counted.
 */
import type { Attributes } from './attributes';
import { isToken, MAX_LABEL_LENGTH } from './checks';
import type { TextHash } from './hashing';
import * as sc from './semconv';
import { errorType, summarizeStack } from './stack';

/** Makes attributes of a value; `undefined` for a value that makes no sense. */
export type Kind = (key: string, value: unknown, hash: TextHash) => Attributes | undefined;

/** Bounds the cost of hashing on the extension's thread; as in Python's typed events. */
const MAX_TEXT_LENGTH = 10_000;
const MAX_COUNTED_LENGTH = 100_000;

/** A name out of the program's own vocabulary, as it is; what doesn't look like one is hashed. */
export const label: Kind = (key, value, hash) => {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_LABEL_LENGTH) {
    return undefined;
  }
  return isToken(value) ? { [key]: value } : { [key + sc.TEXT_HASH_SUFFIX]: hash(value) };
};

/** Free text or a path: its length in characters and its keyed hash. */
export const text: Kind = (key, value, hash) => {
  if (typeof value !== 'string') {
    return undefined;
  }
  const { length, end } = measure(value);
  return {
    [key + sc.TEXT_LENGTH_SUFFIX]: length,
    [key + sc.TEXT_HASH_SUFFIX]: hash(value.slice(0, end)),
  };
};

/** Number of characters, and where the first {@link MAX_TEXT_LENGTH} of them end. */
function measure(value: string): { length: number; end: number } {
  // Python counts characters, JavaScript halves of them: of a huge text it isn't worth the time.
  if (value.length > MAX_COUNTED_LENGTH) {
    return { length: value.length, end: MAX_TEXT_LENGTH };
  }
  let length = 0;
  let end = 0;
  for (const character of value) {
    length += 1;
    end += length <= MAX_TEXT_LENGTH ? character.length : 0;
  }
  return { length, end };
}

/** An integer from 0. */
export const count: Kind = (key, value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? { [key]: value }
    : undefined;

/** A finite number within bounds. */
export const number =
  (minimum = 0, maximum = Number.MAX_VALUE): Kind =>
  (key, value) =>
    typeof value === 'number' && value >= minimum && value <= maximum ? { [key]: value } : undefined;

/** `true` or `false`; nothing that is merely truthy. */
export const flag: Kind = (key, value) => (typeof value === 'boolean' ? { [key]: value } : undefined);

/** One of a few words. */
export const choice =
  (...allowed: readonly string[]): Kind =>
  (key, value) =>
    typeof value === 'string' && allowed.includes(value) ? { [key]: value } : undefined;

/** A class or a code; any other word becomes `_OTHER`. */
export const errorName: Kind = (key, value) =>
  typeof value === 'string' ? { [key]: errorType(value) } : undefined;

/** What `summarizeError` made of a live error. */
export class Place {
  constructor(readonly line: string) {}
}

/** A printed stack as places in the code, its type but none of its words; or a {@link Place}. */
export const stack: Kind = (key, value) => {
  if (value instanceof Place) {
    return { [key]: value.line };
  }
  return typeof value === 'string' ? { [key]: summarizeStack(value, '') } : undefined;
};
