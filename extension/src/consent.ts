/**
 * How much the user lets us record: the strictest of the editor's level and of all that is said of
 * the extension's own setting.
 */
import * as vscode from 'vscode';

import { layersOf } from './settings';
import type { Level } from './types';

const LEVELS: readonly Level[] = ['off', 'error', 'all'];

interface Allowed {
  /** In this window, which a repository may have restricted. */
  readonly level: Level;
  /** By the user, in every window. */
  readonly everywhere: Level;
}

/** What of the editor's logger is asked. */
export interface LoggerState {
  readonly isUsageEnabled: boolean;
  readonly isErrorsEnabled: boolean;
  readonly onDidChangeEnableStates: vscode.Event<unknown>;
}

export class Consent implements vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private last: Allowed;

  /**
   * @param logger the editor's logger: at level `error` it alone knows that errors may go.
   * @param setting own setting, a boolean, `all`, `error` or `off`; `''` for none.
   * @param onChange told the level of this window when it or the user's changes, at once.
   */
  constructor(
    private readonly logger: LoggerState,
    private readonly setting: string,
    private readonly onChange: (level: Level) => void,
  ) {
    this.last = this.ask();
    const check = (): void => {
      void this.level;
    };
    this.disposables.push(
      vscode.env.onDidChangeTelemetryEnabled(check),
      logger.onDidChangeEnableStates(check),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (setting && change.affectsConfiguration(setting)) {
          check();
        }
      }),
    );
  }

  /** Asked anew each time: a change that the editor didn't tell must not send anything. */
  get level(): Level {
    const { last } = this;
    this.last = this.ask();
    const { level, everywhere } = this.last;
    if (level !== last.level || everywhere !== last.everywhere) {
      this.onChange(level);
    }
    return level;
  }

  /** What the user allows in every window. */
  get everywhere(): Level {
    return this.ask().everywhere;
  }

  private ask(): Allowed {
    const isUsageEnabled = vscode.env.isTelemetryEnabled && this.logger.isUsageEnabled;
    const editor = !this.logger.isErrorsEnabled ? 'off' : isUsageEnabled ? 'all' : 'error';
    // What a repository says is among the others: it can switch off, never on.
    const { own, others } = this.setting ? layersOf(this.setting) : { own: undefined, others: [] };
    const everywhere = strictest([editor, levelOf(own)]);
    return { everywhere, level: strictest([everywhere, ...others.map(levelOf)]) };
  }

  dispose(): void {
    for (const disposable of this.disposables.splice(0)) {
      disposable.dispose();
    }
  }
}

function strictest(levels: readonly Level[]): Level {
  return LEVELS.find((level) => levels.includes(level)) ?? 'all';
}

function levelOf(value: unknown): Level {
  if (value === undefined || value === true || value === 'all' || value === 'on') {
    return 'all';
  }
  // Whatever a user wrote there that isn't a yes is a no.
  return value === 'error' ? 'error' : 'off';
}
