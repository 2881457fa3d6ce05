/**
 * The keys that the client may send, and what the value of each must look like.
 *
 * Generated from telemetry/registry by `make generate`: change it there.
 */
import * as checks from './checks';
import * as sc from './semconv';

export const ALLOWED: ReadonlyMap<string, checks.Check> = new Map<string, checks.Check>([
  [sc.ERROR_TYPE, checks.isErrorType],
  [sc.SESSION_ID, checks.isId],
  [sc.LOG_RECORD_UID, checks.isId],
  [sc.USER_HASH, checks.isDigest],
  [sc.CORTEX_EVENT_TYPE, checks.isLabel],
  [sc.CORTEX_SERVICE, checks.isLabel],
  [sc.CORTEX_USER_TIER, checks.isOneOf('free', 'trial', 'paid', 'enterprise')],
  [sc.CORTEX_RESULT, checks.isOneOf('success', 'error', 'timeout', 'cancelled')],
  [sc.CORTEX_ERROR_LOCATION, checks.isLocation],
  [sc.CORTEX_FEATURE, checks.isName],
  [sc.CORTEX_IDE, checks.isLabel],
  [sc.CORTEX_IDE + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_IDE_VERSION, checks.isLabel],
  [sc.CORTEX_IDE_VERSION + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_EXTENSION_VERSION, checks.isLabel],
  [sc.CORTEX_EXTENSION_VERSION + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_PROJECT_PATH + sc.TEXT_LENGTH_SUFFIX, checks.isNumber],
  [sc.CORTEX_PROJECT_PATH + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_UI_ACTION, checks.isLabel],
  [sc.CORTEX_UI_ACTION + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_UI_ELEMENT, checks.isLabel],
  [sc.CORTEX_UI_ELEMENT + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_CODE_LANGUAGE, checks.isLabel],
  [sc.CORTEX_CODE_LANGUAGE + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_CODE_LINES_INSERTED, checks.isNumber],
  [sc.CORTEX_CODE_COMPLETION_ACCEPTED, checks.isFlag],
  [sc.CORTEX_BRANCH_FROM + sc.TEXT_LENGTH_SUFFIX, checks.isNumber],
  [sc.CORTEX_BRANCH_FROM + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_BRANCH_TO + sc.TEXT_LENGTH_SUFFIX, checks.isNumber],
  [sc.CORTEX_BRANCH_TO + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_FILE_PATH + sc.TEXT_LENGTH_SUFFIX, checks.isNumber],
  [sc.CORTEX_FILE_PATH + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_ERROR_TYPE, checks.isErrorType],
  [sc.CORTEX_ERROR_MESSAGE + sc.TEXT_LENGTH_SUFFIX, checks.isNumber],
  [sc.CORTEX_ERROR_MESSAGE + sc.TEXT_HASH_SUFFIX, checks.isDigest],
  [sc.CORTEX_ERROR_CRASH, checks.isFlag],
]);
