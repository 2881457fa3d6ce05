/**
 * The typed events as an extension's author records them.
 *
 * Generated from telemetry/registry by `make generate`: change it there.
 */

/** Code was inserted into the editor. */
export interface CodeInsert {
  /** Language id of the editor, e.g. `python`. */
  readonly language: string;
  /** Number of lines. */
  readonly linesInserted?: number;
  /** A completion was accepted; absent where none was offered. */
  readonly completionAccepted?: boolean;
}

/** The user went from one branch to another, or opened a file. */
export interface ContextSwitch {
  /** Length and hash are recorded. */
  readonly fromBranch?: string;
  /** Length and hash are recorded. */
  readonly toBranch?: string;
  /** File opened; length and hash are recorded. */
  readonly filePath?: string;
}

/** The events that need no form of their own in `Telemetry`. */
export interface EventMethods {
  /** Code was inserted into the editor. */
  codeInsert(fields: CodeInsert): void;
  /** The user went from one branch to another, or opened a file. */
  contextSwitch(fields: ContextSwitch): void;
}
