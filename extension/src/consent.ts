/**
 * How much the user lets us record: the strictest of the editor's level and of all that is said of
 * the extension's own setting.
 */
import * as vscode from 'vscode';

import { layersOf } from './settings';
import type { Level } from './types';

const LEVELS: readonly Level[] = ['off', 'error', 'all'];

/** What of the editor's logger is asked. */
export interface LoggerState {
  readonly isUsageEnabled: boolean;
  readonly isErrorsEnabled: boolean;
  readonly onDidChangeEnableStates: vscode.Event<unknown>;
}

export class Consent implements vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private last: Level;

  /**
   * @param logger the editor's logger: at level `error` it alone knows that errors may go.
   * @param setting own setting, a boolean, `all`, `error` or `off`; `''` for none.
   * @param onChange told the new level, at once.
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
    const level = this.ask();
    if (level !== this.last) {
      this.last = level;
      this.onChange(level);
    }
    return level;
  }

  private ask(): Level {
    const own = this.ownLevel();
    if (own === 'off' || !this.logger.isErrorsEnabled) {
      return 'off';
    }
    const isUsageEnabled = vscode.env.isTelemetryEnabled && this.logger.isUsageEnabled;
    return own === 'all' && isUsageEnabled ? 'all' : 'error';
  }

  private ownLevel(): Level {
    if (!this.setting) {
      return 'all';
    }
    // What a repository says is among the others: it can switch off, never on.
    const { own, others } = layersOf(this.setting);
    return strictest([own, ...others].map(levelOf));
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
