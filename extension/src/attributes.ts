/**
 * What a value of the extension becomes, and the allow-list that every record passes once more
 * before it is written or sent.
 *
 * A value that makes no sense never raises in the extension: it is left out and counted.
 */
import * as sc from './semconv';
import type { TextHash } from './hashing';
import { isSuspicious } from './scrub';
import { errorType } from './stack';

export type AttributeValue = string | number | boolean;
export type Attributes = Record<string, AttributeValue>;

/** Makes attributes of a value; `undefined` for a value that makes no sense. */
export type Kind = (key: string, value: unknown, hash: TextHash) => Attributes | undefined;

const MAX_LABEL_LENGTH = 128;
/** Bounds the cost of hashing on the extension's thread; as in Python's typed events. */
const MAX_TEXT_LENGTH = 10_000;
const MAX_COUNTED_LENGTH = 100_000;
const MAX_LOCATION_LENGTH = 1024;
const TOKEN = /^(?!.*\/\/)[\w:@+-][\w.:/+-]*$/;
const NAME = /^[A-Za-z0-9_./:<>{}\- ]{1,128}$/;
const LOCATION = /^[A-Za-z_][\w.]*(?: at [\w.<>-]+:[\w.<>-]+:\d+)?(?: <- [A-Za-z_][\w.]*(?: at [\w.<>-]+:[\w.<>-]+:\d+)?)*$/;
const DIGEST = /^(?:[0-9a-f]{16}|[0-9a-f]{64})$/;
const ID = /^[0-9a-f]{32}$/;

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

function isToken(value: string): boolean {
  return value.length <= MAX_LABEL_LENGTH && TOKEN.test(value) && !isSuspicious(value);
}

type Check = (value: unknown) => boolean;
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isDigest: Check = (value) => typeof value === 'string' && DIGEST.test(value);
const isLabel: Check = (value) => typeof value === 'string' && isToken(value);
const isName: Check = (value) => typeof value === 'string' && NAME.test(value) && !isSuspicious(value);
const isErrorType: Check = (value) => typeof value === 'string' && errorType(value) === value;
const isId: Check = (value) => typeof value === 'string' && ID.test(value);
// `module:function:line` must not be taken for a secret and its value.
const isLocation: Check = (value) =>
  typeof value === 'string' &&
  value.length <= MAX_LOCATION_LENGTH &&
  LOCATION.test(value) &&
  !isSuspicious(value.replaceAll(':', ' , '));

const TEXTS = [
  sc.CORTEX_PROJECT_PATH, sc.CORTEX_BRANCH_FROM, sc.CORTEX_BRANCH_TO, sc.CORTEX_FILE_PATH,
  sc.CORTEX_ERROR_MESSAGE,
];
const LABELS = [
  sc.CORTEX_UI_ACTION, sc.CORTEX_UI_ELEMENT, sc.CORTEX_CODE_LANGUAGE, sc.CORTEX_IDE,
  sc.CORTEX_IDE_VERSION, sc.CORTEX_EXTENSION_VERSION,
];

const ALLOWED: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...LABELS.map((key): [string, Check] => [key, isLabel]),
  ...[...TEXTS, ...LABELS].map((key): [string, Check] => [key + sc.TEXT_HASH_SUFFIX, isDigest]),
  ...TEXTS.map((key): [string, Check] => [key + sc.TEXT_LENGTH_SUFFIX, isNumber]),
  [sc.CORTEX_SERVICE, isLabel],
  [sc.CORTEX_EVENT_TYPE, isLabel],
  [sc.CORTEX_RESULT, (value) => (sc.RESULTS as readonly unknown[]).includes(value)],
  [sc.CORTEX_USER_TIER, (value) => (sc.TIERS as readonly unknown[]).includes(value)],
  [sc.CORTEX_FEATURE, isName],
  [sc.CORTEX_CODE_LINES_INSERTED, isNumber],
  [sc.CORTEX_CODE_COMPLETION_ACCEPTED, isFlag],
  [sc.CORTEX_ERROR_TYPE, isErrorType],
  [sc.ERROR_TYPE, isErrorType],
  [sc.CORTEX_ERROR_LOCATION, isLocation],
  [sc.CORTEX_ERROR_CRASH, isFlag],
  [sc.SESSION_ID, isId],
  [sc.USER_HASH, isDigest],
  [sc.LOG_RECORD_UID, isId],
]);

/**
 * Keep what the allow-list allows of what comes out of VS Code's logger.
 *
 * @param data any keys and values: common properties of the host, and whatever an older or newer
 *     host mixes in.
 * @param onRemoved told each key that was ours and did not pass.
 */
export function sieve(data: Readonly<Record<string, unknown>>, onRemoved: () => void): Attributes {
  const kept: Attributes = {};
  for (const [key, value] of Object.entries(data)) {
    const check = ALLOWED.get(key);
    if (check?.(value)) {
      kept[key] = value as AttributeValue;
    } else if (check) {
      onRemoved();
    }
  }
  return kept;
}
