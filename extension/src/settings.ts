/**
 * What the user has set, and nobody else.
 *
 * The value that the editor hands out (`get`) is the last of many layers, and some of them come with
 * a repository: `.vscode/settings.json`, a `.code-workspace` file, and a remote machine's settings,
 * which `devcontainer.json` writes. None of those may widen what is recorded or say where it goes.
 */
import * as vscode from 'vscode';

/** The values of one setting. */
export interface Layers {
  /** What the user has chosen for this editor, else what the extension's manifest says. */
  readonly own: unknown;
  /** Every value that holds somewhere in this window: they may restrict, and nothing else. */
  readonly others: readonly unknown[];
}

/** What is used of `inspect`'s answer; its typings leave the local and the remote value out. */
interface Inspected {
  readonly defaultValue?: unknown;
  /** The user's settings, a remote machine's mixed in. */
  readonly globalValue?: unknown;
  readonly globalLocalValue?: unknown;
  readonly globalRemoteValue?: unknown;
  readonly languageIds?: readonly string[] | undefined;
}

/** @param setting its full name; one that nobody has set or contributed has no value at all. */
export function layersOf(setting: string): Layers {
  const { configuration, name } = find(setting);
  const inspected: Inspected = configuration.inspect<unknown>(name) ?? {};
  const others = valuesOf(inspected);
  for (const languageId of inspected.languageIds ?? []) {
    others.push(...valuesOf(inspect(setting, { languageId })));
  }
  // Within a `.code-workspace` file each folder has settings of its own.
  const { workspaceFile, workspaceFolders = [] } = vscode.workspace;
  for (const { uri } of workspaceFile === undefined ? [] : workspaceFolders) {
    others.push(...valuesOf(inspect(setting, uri)));
  }
  // A policy of the user's organisation has no layer of its own, and shows in this value alone.
  others.push(configuration.get<unknown>(name));
  return { own: ownOf(inspected), others };
}

/** The value that the user has chosen, else what the manifest says; nothing that a repository says. */
export function ownValue(setting: string): unknown {
  return ownOf(inspect(setting));
}

function inspect(setting: string, scope?: vscode.ConfigurationScope): Inspected {
  const { configuration, name } = find(setting, scope);
  return configuration.inspect<unknown>(name) ?? {};
}

/** The editor copies all that it hands out: of the section it is little, of everything half a millisecond. */
function find(
  setting: string, scope?: vscode.ConfigurationScope,
): { configuration: vscode.WorkspaceConfiguration; name: string } {
  const dot = setting.lastIndexOf('.');
  const section = dot < 0 ? undefined : setting.slice(0, dot);
  return {
    configuration: vscode.workspace.getConfiguration(section, scope),
    name: setting.slice(dot + 1),
  };
}

function ownOf(inspected: Inspected): unknown {
  const { defaultValue, globalValue, globalLocalValue, globalRemoteValue } = inspected;
  if (globalLocalValue !== undefined) {
    return globalLocalValue;
  }
  // Without the user's own, the merged value is the remote machine's.
  return globalValue === undefined || globalRemoteValue !== undefined ? defaultValue : globalValue;
}

/** Values of every layer but the manifest's. */
function valuesOf(inspected: Inspected): unknown[] {
  return Object.entries(inspected)
    .filter(([name]) => name.endsWith('Value') && !name.startsWith('default'))
    .map(([, value]: [string, unknown]) => value);
}
