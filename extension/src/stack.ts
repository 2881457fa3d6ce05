/**
 * What went wrong and where, without a word of the error's own: type, file name, function and line,
 * as `summarize_stacktrace` in `cortex_otel/process/exceptions.py` says it.
 */
import { isSuspicious } from './scrub';
import * as sc from './semconv';

const MAX_NAME_LENGTH = 128;
const MAX_STACK_LENGTH = 65_536;
const MAX_LINE_LENGTH = 2048;
const MAX_LINKS = 5;
// VS Code's extension host indents its frames by a tab.
const FRAME =
  /^[ \t]{1,8}at (?:async |new )?(?:([^\s()]{1,256}) (?:\[as [^\s()]{1,256}\] )?)?\(?([^()]{1,1024}):(\d{1,9}):\d{1,9}\)?$/;
const CLASS = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
const CODE = /^[A-Z][A-Z0-9_]{2,63}$/;

/** What is kept of an error; `message` goes no further than to the hash. */
export interface ErrorSummary {
  readonly type: string;
  /** `TypeError at extension:activate:10 <- RangeError at load:read:3`; empty without a frame. */
  readonly location: string;
  readonly message: string | undefined;
  readonly isTimeout: boolean;
  readonly isCancellation: boolean;
}

/** Summarise whatever was thrown; an error's getters may throw in turn. */
export function summarizeError(thrown: unknown): ErrorSummary {
  const type = typeOf(thrown);
  const links: string[] = [];
  const seen = new Set<unknown>();
  let link = thrown;
  while (link !== null && typeof link === 'object' && !seen.has(link) && links.length < MAX_LINKS) {
    seen.add(link);
    const place = innermostPlace(read(link, 'stack'), read(link, 'name'), read(link, 'message'));
    const name = nameInLocation(typeOf(link));
    links.push(place ? `${name} at ${place}` : name);
    link = read(link, 'cause');
  }
  const message = typeof thrown === 'string' ? thrown : read(thrown, 'message');
  const name = textOf(read(thrown, 'name'));
  return {
    type,
    location: links.some((text) => text.includes(' at ')) ? links.join(' <- ') : '',
    message: typeof message === 'string' ? message : undefined,
    isTimeout: name === 'TimeoutError' || type === 'ETIMEDOUT' || type === 'timeout',
    isCancellation: name === 'AbortError' || name === 'Canceled' || name === 'CancellationError',
  };
}

/** The one line that is kept of a printed stack. */
export function summarizeStack(stack: string, type: string): string {
  const place = innermostPlace(stack);
  return place ? `${nameInLocation(type)} at ${place}` : nameInLocation(type);
}

/** A low-cardinality `error.type`: a class, an error code or a word of the conventions. */
export function errorType(text: string): string {
  if (text.length === 0 || text.length > MAX_NAME_LENGTH) {
    return sc.ERROR_TYPE_OTHER;
  }
  if (/^-?\d{1,6}$/.test(text) || sc.ERROR_WORDS.has(text)) {
    return text;
  }
  return isClass(text) && !isSuspicious(text) ? text : sc.ERROR_TYPE_OTHER;
}

function typeOf(thrown: unknown): string {
  const name = read(thrown, 'name');
  const code = read(thrown, 'code');
  // Node's system errors are all called `Error`; their code says which.
  if (name === 'Error' && typeof code === 'string' && CODE.test(code)) {
    return errorType(code);
  }
  return typeof name === 'string' ? errorType(name) : sc.ERROR_TYPE_OTHER;
}

function nameInLocation(type: string): string {
  return isClass(type) && type !== sc.ERROR_TYPE_OTHER ? type : 'Exception';
}

function isClass(text: string): boolean {
  const last = text.slice(text.lastIndexOf('.') + 1);
  return CLASS.test(text) && (!/^_*[a-z]/.test(last) || sc.ERROR_WORDS.has(last));
}

/** The place of the innermost frame: JavaScript prints it first, below name and message. */
function innermostPlace(stack: unknown, name: unknown = '', message: unknown = ''): string {
  if (typeof stack !== 'string') {
    return '';
  }
  // A name or message may look like a frame: its lines are none.
  const header = `${textOf(name)}: ${textOf(message)}`;
  const at = stack.startsWith(header) ? header.length : endOf(stack, message);
  const start = Math.max(0, at);
  const frames = stack
    .slice(start, start + MAX_STACK_LENGTH)
    .split('\n')
    .map((line) => FRAME.exec(line.slice(0, MAX_LINE_LENGTH).trimEnd()));
  // Of a message that isn't the error's any more, only the unbroken end can be told to be frames.
  const first = at < 0 ? frames.findLastIndex((frame, index) => !frame && frames[index + 1]) + 1 : 0;
  const frame = frames.slice(first).find((one) => one !== null);
  return frame ? place(frame[2] ?? '', frame[1] ?? '<anonymous>', Number(frame[3])) : '';
}

/** Where `part` ends in `text`; -1 if it isn't there. */
function endOf(text: string, part: unknown): number {
  const at = typeof part === 'string' && part !== '' ? text.indexOf(part) : -1;
  return at < 0 ? -1 : at + textOf(part).length;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function place(file: string, name: string, line: number): string {
  // The end of a path is its file name; a directory may be a person's.
  const base = file.slice(file.search(/[^\\/]*$/)).replace(/\.(?:py[cw]?|[cm]?[jt]sx?)$/, '');
  return `${placePart(base)}:${placePart(name)}:${line}`;
}

function placePart(text: string): string {
  const isClean = text.length > 0 && text.length <= MAX_NAME_LENGTH && /^[\w.<>-]+$/.test(text);
  return isClean && !isSuspicious(text) ? text.slice(0, 64) : '_';
}

function read(target: unknown, key: string): unknown {
  try {
    return target === null || typeof target !== 'object'
      ? undefined
      : (target as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
