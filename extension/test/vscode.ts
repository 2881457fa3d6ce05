/**
 * A stand-in for the editor: the parts of its API that the client uses, behaving as VS Code's own
 * code does (`extHostTelemetry.ts`, `telemetryUtils.ts`): levels, prefix of the event name, cleaning
 * of paths, e-mail addresses and secrets, the mixed-in common properties, and unhandled errors.
 */
export interface Disposable {
  dispose(): void;
}
type Listener<T> = (value: T) => void;

class Emitter<T> {
  readonly listeners = new Set<Listener<T>>();
  readonly event = (listener: Listener<T>): Disposable => {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) {
      listener(value);
    }
  }
}

type Level = 'all' | 'error' | 'crash' | 'off';
interface Sender {
  sendEventData(name: string, data?: Record<string, unknown>): void;
  sendErrorData(error: Error, data?: Record<string, unknown>): void;
  flush?(): void;
}

const onEnabled = new Emitter<boolean>();
const onConfiguration = new Emitter<{ affectsConfiguration(section: string): boolean }>();
const loggers = new Set<Logger>();

class Logger {
  readonly changed = new Emitter<Logger>();
  readonly onDidChangeEnableStates = this.changed.event;

  constructor(
    private sender: Sender | undefined,
    private readonly options: { ignoreBuiltInCommonProperties?: boolean } = {},
  ) {
    loggers.add(this);
  }

  get isUsageEnabled(): boolean {
    return host.level === 'all';
  }

  get isErrorsEnabled(): boolean {
    return host.level === 'all' || host.level === 'error';
  }

  logUsage(name: string, data?: Record<string, unknown>): void {
    if (this.isUsageEnabled) {
      this.log(name, data);
    }
  }

  logError(error: string | Error, data?: Record<string, unknown>): void {
    if (!this.isErrorsEnabled || this.sender === undefined) {
      return;
    }
    if (typeof error === 'string') {
      this.log(error, data);
      return;
    }
    const cleaned = new Error(host.cleansErrors ? clean(error.message) : error.message);
    cleaned.name = error.name;
    cleaned.stack = host.cleansErrors ? clean(error.stack ?? '') : (error.stack ?? '');
    this.sender.sendErrorData(cleaned, this.mixed(data));
  }

  dispose(): void {
    this.sender?.flush?.();
    this.sender = undefined;
    loggers.delete(this);
  }

  private log(name: string, data: Record<string, unknown> = {}): void {
    host.echo.push({ name, data });
    this.sender?.sendEventData(`cortex.cortex-extension/${name}`, this.mixed(data));
  }

  private mixed(data: Record<string, unknown> = {}): Record<string, unknown> {
    const cleaned = Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? clean(value) : value]),
    );
    return this.options.ignoreBuiltInCommonProperties
      ? cleaned
      : { ...cleaned, 'common.vscodemachineid': 'machine-id-canary', 'common.os': process.platform };
  }
}

const SECRETS: readonly (readonly [string, RegExp])[] = [
  ['URL', /[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^\s]*/],
  ['Google API Key', /AIza[A-Za-z0-9_\\-]{35}/],
  ['JWT', /eyJ[0eXAiOiJKV1Qi|hbGci|a-zA-Z0-9\-_]+\.[a-zA-Z0-9\-_]+\.[a-zA-Z0-9\-_]+/],
  ['Slack Token', /xox[pbar]-[A-Za-z0-9]/],
  ['GitHub Token', /(gh[psuro]_[a-zA-Z0-9]{36}|github_pat_[a-zA-Z0-9]{22}_[a-zA-Z0-9]{59})/],
  ['Generic Secret', /(key|token|sig|secret|signature|password|passwd|pwd|android:value)[^a-zA-Z0-9]/i],
  ['Email', /[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}/],
];

/** As VS Code 1.139 cleans a value: paths first, then each line that looks like a secret. */
function clean(text: string): string {
  const paths = /(file:\/\/)?([a-zA-Z]:(\\\\|\\|\/)|(\\\\|\\|\/))?([\w\-._@]+(\\\\|\\|\/))+[\w\-._@]*/g;
  const extensions = /^.*?((?:\.vscode(?:-[a-z]+)*|resources[\\/]app)[\\/]extensions[\\/].*)$/i;
  return text
    .replaceAll('%20', ' ')
    .replace(paths, (path) => {
      const kept = extensions.exec(path)?.[1];
      return `<REDACTED: user-file-path>${kept === undefined ? '' : `/${kept}`}`;
    })
    .split('\n')
    .map((line) => {
      const found = SECRETS.find(([, pattern]) => pattern.test(`${line}\n`));
      return found ? `<REDACTED: ${found[0]}>` : line;
    })
    .join('\n');
}

/** Values of a setting by layer, as `inspect` names them. */
interface Layers {
  defaultValue?: unknown;
  globalLocalValue?: unknown;
  globalRemoteValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
  /** A policy of the organisation: `inspect` shows it as the default. */
  policyValue?: unknown;
  /** By language, and within it by layer: `globalLocalLanguageValue` … */
  languages?: Record<string, Record<string, unknown>>;
  /** By path of the folder. */
  folders?: Record<string, unknown>;
}
type Scope = { languageId?: string; fsPath?: string };

/** The layers that hold in a scope, the strongest last. */
function layersOf(section: string, { languageId = '', fsPath = '' }: Scope = {}): Record<string, unknown> {
  const { policyValue, languages = {}, folders = {}, ...given } = host.layers[section] ?? {};
  const globalLocalValue =
    section in host.configuration ? host.configuration[section] : given.globalLocalValue;
  const { globalRemoteValue, workspaceValue, defaultValue } = given;
  return {
    defaultValue: policyValue ?? defaultValue,
    globalLocalValue,
    globalRemoteValue,
    globalValue: globalRemoteValue === undefined ? globalLocalValue : globalRemoteValue,
    workspaceValue,
    workspaceFolderValue: folders[fsPath] ?? given.workspaceFolderValue,
    ...languages[languageId],
    ...(Object.keys(languages).length > 0 ? { languageIds: Object.keys(languages) } : {}),
  };
}

function configurationOf(prefix = '', scope: Scope = {}) {
  const full = (section: string): string => (prefix ? `${prefix}.${section}` : section);
  return {
    get: (section: string): unknown => {
      const { policyValue } = host.layers[full(section)] ?? {};
      const { languageIds: _, ...layers } = layersOf(full(section), scope);
      return policyValue ?? Object.values(layers).findLast((value) => value !== undefined);
    },
    inspect: (section: string): Record<string, unknown> => ({ key: full(section), ...layersOf(full(section), scope) }),
  };
}

/** The levers of a test; not part of the editor's API. */
export const host = {
  level: 'all' as Level,
  /** What the user has set. */
  configuration: {} as Record<string, unknown>,
  /** And what the manifest, a remote machine or a repository has. */
  layers: {} as Record<string, Layers>,
  /** Older hosts hand errors on as they are. */
  cleansErrors: true,
  /** What the user sees in the telemetry output channel. */
  echo: [] as { name: string; data: Record<string, unknown> }[],

  reset(): void {
    this.level = 'all';
    this.configuration = {};
    this.layers = {};
    this.cleansErrors = true;
    this.echo = [];
    Object.assign(env, { uriScheme: 'vscode', appName: 'Visual Studio Code' });
    Object.assign(workspace, { workspaceFolders: undefined, workspaceFile: undefined });
    for (const logger of [...loggers]) {
      logger.dispose();
    }
    onEnabled.listeners.clear();
    onConfiguration.listeners.clear();
  },

  setLevel(level: Level): void {
    const wasEnabled = env.isTelemetryEnabled;
    this.level = level;
    for (const logger of loggers) {
      logger.changed.fire(logger);
    }
    // As in the editor, the event of `env` knows nothing of the level `error`.
    if (env.isTelemetryEnabled !== wasEnabled) {
      onEnabled.fire(env.isTelemetryEnabled);
    }
  },

  configure(section: string, value: unknown): void {
    this.configuration[section] = value;
    onConfiguration.fire({ affectsConfiguration: (asked) => section.startsWith(asked) });
  },

  setLayers(section: string, layers: Layers): void {
    this.layers[section] = layers;
    onConfiguration.fire({ affectsConfiguration: (asked) => section.startsWith(asked) });
  },

  /** The editor forwards what an extension threw and nobody caught. */
  throwUnhandled(error: Error): void {
    for (const logger of loggers) {
      logger.logError(error);
    }
  },

  get listeners(): number {
    return onEnabled.listeners.size + onConfiguration.listeners.size;
  },
};

export const version = '1.126.0';
export const env = {
  uriScheme: 'vscode',
  appName: 'Visual Studio Code',
  machineId: 'machine-id-canary',
  get isTelemetryEnabled(): boolean {
    return host.level === 'all';
  },
  onDidChangeTelemetryEnabled: onEnabled.event,
  createTelemetryLogger: (sender: Sender, options?: { ignoreBuiltInCommonProperties?: boolean }) =>
    new Logger(sender, options),
};
export const workspace = {
  workspaceFolders: undefined as undefined | { uri: { fsPath: string } }[],
  workspaceFile: undefined as undefined | { fsPath: string },
  getConfiguration: configurationOf,
  onDidChangeConfiguration: onConfiguration.event,
};

const registered = new Map<string, (...values: unknown[]) => unknown>();
export const commands = {
  registerCommand: (name: string, run: (...values: unknown[]) => unknown): Disposable => {
    registered.set(name, run);
    return { dispose: () => void registered.delete(name) };
  },
  executeCommand: async (name: string, ...values: unknown[]) => registered.get(name)?.(...values),
};
export const window = {
  showInformationMessage: async (message: string) => message,
  showInputBox: async (): Promise<string | undefined> => undefined,
};

/** An extension's context over a directory of the test. */
export function contextOf(directory: string): {
  subscriptions: Disposable[];
  globalStorageUri: { fsPath: string };
  globalState: { get(key: string): unknown; update(key: string, value: unknown): Promise<void> };
  extension: { packageJSON: { version: string } };
} {
  const state = new Map<string, unknown>();
  return {
    subscriptions: [],
    globalStorageUri: { fsPath: directory },
    globalState: {
      get: (key) => state.get(key),
      update: async (key, value) => void state.set(key, value),
    },
    extension: { packageJSON: { version: '2.3.4' } },
  };
}
