/** What a value must look like to be sent: the last look at it, whoever made it. */
import { isSuspicious } from './scrub';
import { errorType } from './stack';

export const MAX_LABEL_LENGTH = 128;
const MAX_LOCATION_LENGTH = 1024;
const TOKEN = /^(?!.*\/\/)[\w:@+-][\w.:/+-]*$/;
const NAME = /^[A-Za-z0-9_./:<>{}\- ]{1,128}$/;
const LOCATION = /^[A-Za-z_][\w.]*(?: at [\w.<>-]+:[\w.<>-]+:\d+)?(?: <- [A-Za-z_][\w.]*(?: at [\w.<>-]+:[\w.<>-]+:\d+)?)*$/;
const DIGEST = /^(?:[0-9a-f]{16}|[0-9a-f]{64})$/;
const ID = /^[0-9a-f]{32}$/;

/** A name out of the program's own vocabulary. */
export function isToken(value: string): boolean {
  return value.length <= MAX_LABEL_LENGTH && TOKEN.test(value) && !isSuspicious(value);
}

export type Check = (value: unknown) => boolean;
/** One of a few words. */
export const isOneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);
export const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
export const isFlag: Check = (value) => typeof value === 'boolean';
export const isDigest: Check = (value) => typeof value === 'string' && DIGEST.test(value);
export const isLabel: Check = (value) => typeof value === 'string' && isToken(value);
export const isName: Check = (value) => typeof value === 'string' && NAME.test(value) && !isSuspicious(value);
export const isErrorType: Check = (value) => typeof value === 'string' && errorType(value) === value;
export const isId: Check = (value) => typeof value === 'string' && ID.test(value);
// `module:function:line` must not be taken for a secret and its value.
export const isLocation: Check = (value) =>
  typeof value === 'string' &&
  value.length <= MAX_LOCATION_LENGTH &&
  LOCATION.test(value) &&
  !isSuspicious(value.replaceAll(':', ' , '));
