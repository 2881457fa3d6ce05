/** Which editor this is, out of the family that runs VS Code's extensions. */

const BY_SCHEME: Readonly<Record<string, string>> = {
  vscode: 'vscode',
  'vscode-insiders': 'vscode-insiders',
  vscodium: 'vscodium',
  'vscodium-insiders': 'vscodium',
  'code-oss': 'code-oss',
  cursor: 'cursor',
  windsurf: 'windsurf',
  'windsurf-next': 'windsurf',
};

const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/cursor/i, 'cursor'],
  [/windsurf/i, 'windsurf'],
  [/codium/i, 'vscodium'],
  [/insiders/i, 'vscode-insiders'],
  [/visual studio code/i, 'vscode'],
  [/code - oss/i, 'code-oss'],
];

export interface Ide {
  /** `vscode`, `vscode-insiders`, `vscodium`, `cursor`, `windsurf`, `code-oss` or `other`. */
  readonly name: string;
  /** Version of the editor, as `vscode.version`; `''` if it doesn't look like one. */
  readonly version: string;
}

/**
 * @param env of the editor: `uriScheme` decides, since forks often keep the name; then `appName`.
 * @param version `vscode.version`.
 */
export function detectIde(
  env: { readonly uriScheme?: string; readonly appName?: string },
  version: string | undefined,
): Ide {
  const scheme = String(env.uriScheme ?? '').toLowerCase();
  const appName = String(env.appName ?? '');
  const known = Object.hasOwn(BY_SCHEME, scheme)
    ? BY_SCHEME[scheme]
    : BY_NAME.find(([pattern]) => pattern.test(appName))?.[1];
  const found = /^\d{1,5}(?:\.\d{1,5}){0,3}(?:-[a-z]{1,16})?/.exec(String(version ?? ''));
  return { name: known ?? 'other', version: found?.[0] ?? '' };
}

/** `os.type` of the OpenTelemetry conventions. */
export function osType(platform: string): string {
  return platform === 'win32' ? 'windows' : platform;
}
