/**
 * The attribute keys and event types that the client sends, named as in Python's
 * `cortex_otel/semconv.py`: a test compares the two.
 */

export const CORTEX_SERVICE = 'cortex.service';
export const CORTEX_USER_TIER = 'cortex.user.tier';
export const CORTEX_RESULT = 'cortex.result';
export const CORTEX_FEATURE = 'cortex.feature';
export const CORTEX_EVENT_TYPE = 'cortex.event.type';
export const CORTEX_IDE = 'cortex.ide';
export const CORTEX_IDE_VERSION = 'cortex.ide.version';
export const CORTEX_EXTENSION_VERSION = 'cortex.extension.version';
export const CORTEX_PROJECT_PATH = 'cortex.project.path';
export const CORTEX_UI_ACTION = 'cortex.ui.action';
export const CORTEX_UI_ELEMENT = 'cortex.ui.element';
export const CORTEX_CODE_LANGUAGE = 'cortex.code.language';
export const CORTEX_CODE_LINES_INSERTED = 'cortex.code.lines_inserted';
export const CORTEX_CODE_COMPLETION_ACCEPTED = 'cortex.code.completion_accepted';
export const CORTEX_BRANCH_FROM = 'cortex.branch.from';
export const CORTEX_BRANCH_TO = 'cortex.branch.to';
export const CORTEX_FILE_PATH = 'cortex.file.path';
export const CORTEX_ERROR_TYPE = 'cortex.error.type';
export const CORTEX_ERROR_MESSAGE = 'cortex.error.message';
export const CORTEX_ERROR_LOCATION = 'cortex.error.location';
export const CORTEX_ERROR_CRASH = 'cortex.error.crash';
export const ERROR_TYPE = 'error.type';
export const SESSION_ID = 'session.id';
export const USER_HASH = 'user.hash';
export const SERVICE_NAME = 'service.name';
export const SERVICE_VERSION = 'service.version';
export const OS_TYPE = 'os.type';
export const PROCESS_RUNTIME_NAME = 'process.runtime.name';
export const PROCESS_RUNTIME_VERSION = 'process.runtime.version';
export const TELEMETRY_SDK_NAME = 'telemetry.sdk.name';
export const TELEMETRY_SDK_LANGUAGE = 'telemetry.sdk.language';
export const TELEMETRY_SDK_VERSION = 'telemetry.sdk.version';
export const TELEMETRY_DISTRO_NAME = 'telemetry.distro.name';
export const TELEMETRY_DISTRO_VERSION = 'telemetry.distro.version';

export const EXT_INSTALL = 'ext.install';
export const EXT_ACTIVATE = 'ext.activate';
export const EXT_UI_INTERACTION = 'ext.ui_interaction';
export const EXT_CODE_INSERT = 'ext.code_insert';
export const EXT_CONTEXT_SWITCH = 'ext.context_switch';
export const EXT_ERROR = 'ext.error';

export const TEXT_LENGTH_SUFFIX = '.length';
export const TEXT_HASH_SUFFIX = '.hash';

/** Stable identity of a log record (OpenTelemetry): the same record sent twice is stored once. */
export const LOG_RECORD_UID = 'log.record.uid';

export const TIERS = ['free', 'trial', 'paid', 'enterprise'] as const;
export const RESULTS = ['success', 'error', 'timeout', 'cancelled'] as const;

/** What a user has; it may change while the window is open. */
export type Tier = (typeof TIERS)[number];
export type Result = (typeof RESULTS)[number];
