/**
 * Every name that may be recorded, the same as Python's `cortex_otel/semconv.py`.
 *
 * Generated from telemetry/registry by `make generate`: change it there.
 */
export const MCP_METHOD_NAME = 'mcp.method.name';
export const MCP_PROTOCOL_VERSION = 'mcp.protocol.version';
export const MCP_SESSION_ID = 'mcp.session.id';
export const MCP_RESOURCE_URI = 'mcp.resource.uri';
export const GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const GEN_AI_PROMPT_NAME = 'gen_ai.prompt.name';
export const GEN_AI_TOOL_CALL_ARGUMENTS = 'gen_ai.tool.call.arguments';
export const GEN_AI_TOOL_CALL_RESULT = 'gen_ai.tool.call.result';
export const JSONRPC_REQUEST_ID = 'jsonrpc.request.id';
export const RPC_RESPONSE_STATUS_CODE = 'rpc.response.status_code';
export const ERROR_TYPE = 'error.type';
export const EXCEPTION_TYPE = 'exception.type';
export const EXCEPTION_MESSAGE = 'exception.message';
export const EXCEPTION_STACKTRACE = 'exception.stacktrace';
export const NETWORK_TRANSPORT = 'network.transport';
export const NETWORK_PROTOCOL_NAME = 'network.protocol.name';
export const NETWORK_PROTOCOL_VERSION = 'network.protocol.version';
export const SESSION_ID = 'session.id';
export const LOG_RECORD_UID = 'log.record.uid';
export const LOG_BODY_LENGTH = 'log.body.length';
export const LOG_BODY_HASH = 'log.body.hash';
export const USER_ID = 'user.id';
export const ENDUSER_ID = 'enduser.id';
export const USER_HASH = 'user.hash';
export const FEATURE_FLAG_KEY = 'feature_flag.key';
export const FEATURE_FLAG_RESULT_VARIANT = 'feature_flag.result.variant';
export const FEATURE_FLAG_RESULT_REASON = 'feature_flag.result.reason';
export const FEATURE_FLAG_PROVIDER_NAME = 'feature_flag.provider.name';
export const FEATURE_FLAG_SET_ID = 'feature_flag.set.id';
export const FEATURE_FLAG_VERSION = 'feature_flag.version';
export const HTTP_REQUEST_METHOD = 'http.request.method';
export const HTTP_RESPONSE_STATUS_CODE = 'http.response.status_code';
export const HTTP_ROUTE = 'http.route';
export const URL_SCHEME = 'url.scheme';
export const CODE_FUNCTION_NAME = 'code.function.name';
export const CODE_LINE_NUMBER = 'code.line.number';
export const RPC_SYSTEM = 'rpc.system';
export const RPC_SERVICE = 'rpc.service';
export const RPC_METHOD = 'rpc.method';
export const DB_SYSTEM_NAME = 'db.system.name';
export const DB_OPERATION_NAME = 'db.operation.name';
export const SERVICE_NAME = 'service.name';
export const SERVICE_NAMESPACE = 'service.namespace';
export const SERVICE_VERSION = 'service.version';
export const SERVICE_INSTANCE_ID = 'service.instance.id';
export const DEPLOYMENT_ENVIRONMENT_NAME = 'deployment.environment.name';
export const TELEMETRY_SDK_NAME = 'telemetry.sdk.name';
export const TELEMETRY_SDK_LANGUAGE = 'telemetry.sdk.language';
export const TELEMETRY_SDK_VERSION = 'telemetry.sdk.version';
export const TELEMETRY_DISTRO_NAME = 'telemetry.distro.name';
export const TELEMETRY_DISTRO_VERSION = 'telemetry.distro.version';
export const OS_TYPE = 'os.type';
export const PROCESS_RUNTIME_NAME = 'process.runtime.name';
export const PROCESS_RUNTIME_VERSION = 'process.runtime.version';
export const CORTEX_EVENT_TYPE = 'cortex.event.type';
export const CORTEX_SERVICE = 'cortex.service';
export const CORTEX_USER_TIER = 'cortex.user.tier';
export const CORTEX_PROJECT_ID = 'cortex.project.id';
export const CORTEX_BRANCH_ID = 'cortex.branch.id';
export const CORTEX_RESULT = 'cortex.result';
export const CORTEX_OUTCOME = 'cortex.outcome';
export const CORTEX_SOFT_ERROR = 'cortex.soft_error';
export const CORTEX_CLIENT_NAME = 'cortex.client.name';
export const CORTEX_CLIENT_VERSION = 'cortex.client.version';
export const CORTEX_ERROR_LOCATION = 'cortex.error.location';
export const CORTEX_EXCEPTION_TYPE = 'cortex.exception.type';
export const CORTEX_TOOL_PARAMETERS = 'cortex.tool.parameters';
export const CORTEX_EVENT_DURATION_MS = 'cortex.event.duration_ms';
export const CORTEX_WEIGHT = 'cortex.weight';
export const CORTEX_FEATURE = 'cortex.feature';
export const CORTEX_IDE = 'cortex.ide';
export const CORTEX_IDE_VERSION = 'cortex.ide.version';
export const CORTEX_EXTENSION_VERSION = 'cortex.extension.version';
export const CORTEX_BRANCH_TOPIC = 'cortex.branch.topic';
export const CORTEX_BRANCH_AUTOMATIC = 'cortex.branch.automatic';
export const CORTEX_SEARCH_QUERY = 'cortex.search.query';
export const CORTEX_SEARCH_TOP_K = 'cortex.search.top_k';
export const CORTEX_SEARCH_RESULTS = 'cortex.search.results';
export const CORTEX_SEARCH_RECALL = 'cortex.search.recall';
export const CORTEX_MEMORY_FILE_SIZE_BYTES = 'cortex.memory.file_size_bytes';
export const CORTEX_MEMORY_TOKEN_COUNT = 'cortex.memory.token_count';
export const CORTEX_COMPRESS_TOKENS_BEFORE = 'cortex.compress.tokens_before';
export const CORTEX_COMPRESS_TOKENS_AFTER = 'cortex.compress.tokens_after';
export const CORTEX_COMPRESS_SAVINGS_RATE = 'cortex.compress.savings_rate';
export const CORTEX_REFERENCE_SUGGESTED = 'cortex.reference.suggested';
export const CORTEX_REFERENCE_ACCEPTED = 'cortex.reference.accepted';
export const CORTEX_ONTOLOGY_CATEGORY = 'cortex.ontology.category';
export const CORTEX_ONTOLOGY_CONFIDENCE = 'cortex.ontology.confidence';
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
export const CORTEX_ERROR_CRASH = 'cortex.error.crash';

export const EXT_INSTALL = 'ext.install';
export const EXT_ACTIVATE = 'ext.activate';
export const EXT_UI_INTERACTION = 'ext.ui_interaction';
export const EXT_CODE_INSERT = 'ext.code_insert';
export const EXT_CONTEXT_SWITCH = 'ext.context_switch';
export const EXT_ERROR = 'ext.error';

export const ERROR_TYPE_TOOL_ERROR = 'tool_error';
export const ERROR_TYPE_TIMEOUT = 'timeout';
export const ERROR_TYPE_OTHER = '_OTHER';

/** The methods of `EventMethods`. */
export const EVENT_METHODS = ['codeInsert', 'contextSwitch'] as const;

export const TEXT_LENGTH_SUFFIX = '.length';
export const TEXT_HASH_SUFFIX = '.hash';

export const TIERS = ['free', 'trial', 'paid', 'enterprise'] as const;
export const RESULTS = ['success', 'error', 'timeout', 'cancelled'] as const;
/** Results that count as errors. */
export const FAILED_RESULTS: ReadonlySet<unknown> = new Set(['error', 'timeout']);

/** The lower-case values of `error.type`: any other such word could be one of a message. */
export const ERROR_WORDS: ReadonlySet<string> = new Set([
  'tool_error', 'timeout', 'cancelled', 'canceled', 'error',
  'gaierror', 'herror', 'name_resolution_error', 'server_certificate_invalid', 'connection_error',
  'connection_refused', 'connection_reset', 'rate_limited', 'unauthorized', 'forbidden',
  'not_found', 'invalid_params', 'invalid_request', 'parse_error', 'internal_error',
  'method_not_found', 'not_run', '_OTHER',
]);

/** What a user has; it may change while the window is open. */
export type Tier = (typeof TIERS)[number];
export type Result = (typeof RESULTS)[number];
