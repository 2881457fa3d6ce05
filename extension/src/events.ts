/**
 * The typed events of the extension, each as one declaration: the same names, fields and derived
 * attributes as in `cortex_otel/instrument/event_types.py`.
 */
import { type Attributes, choice, count, errorName, flag, type Kind, label, text } from './attributes';
import type { TextHash } from './hashing';
import * as sc from './semconv';
import { ERROR_TYPE_OTHER, summarizeError, summarizeStack } from './stack';
import type { ErrorOptions } from './types';

interface Field {
  readonly key: string;
  readonly kind: Kind;
  /** A second key for the same value. */
  readonly also?: string;
}

/** One event: its type, its fields, and what of the product it says was used. */
export interface EventType {
  readonly name: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly feature: readonly string[];
  readonly result: sc.Result;
}

// The type alone is told by a printed stack; its words are not.
const stack: Kind = (key, value) =>
  typeof value === 'string' ? { [key]: summarizeStack(value, '') } : undefined;

export const INSTALL: EventType = {
  name: sc.EXT_INSTALL,
  fields: {
    ide: { key: sc.CORTEX_IDE, kind: label },
    ideVersion: { key: sc.CORTEX_IDE_VERSION, kind: label },
    version: { key: sc.CORTEX_EXTENSION_VERSION, kind: label },
  },
  feature: [sc.CORTEX_IDE],
  result: 'success',
};

export const ACTIVATE: EventType = {
  name: sc.EXT_ACTIVATE,
  fields: {
    ide: { key: sc.CORTEX_IDE, kind: label },
    ideVersion: { key: sc.CORTEX_IDE_VERSION, kind: label },
    projectPath: { key: sc.CORTEX_PROJECT_PATH, kind: text },
  },
  feature: [sc.CORTEX_IDE],
  result: 'success',
};

export const UI_INTERACTION: EventType = {
  name: sc.EXT_UI_INTERACTION,
  fields: {
    action: { key: sc.CORTEX_UI_ACTION, kind: label },
    element: { key: sc.CORTEX_UI_ELEMENT, kind: label },
  },
  feature: [sc.CORTEX_UI_ACTION, sc.CORTEX_UI_ELEMENT],
  result: 'success',
};

export const CODE_INSERT: EventType = {
  name: sc.EXT_CODE_INSERT,
  fields: {
    language: { key: sc.CORTEX_CODE_LANGUAGE, kind: label },
    linesInserted: { key: sc.CORTEX_CODE_LINES_INSERTED, kind: count },
    completionAccepted: { key: sc.CORTEX_CODE_COMPLETION_ACCEPTED, kind: flag },
  },
  feature: [sc.CORTEX_CODE_LANGUAGE],
  result: 'success',
};

export const CONTEXT_SWITCH: EventType = {
  name: sc.EXT_CONTEXT_SWITCH,
  fields: {
    fromBranch: { key: sc.CORTEX_BRANCH_FROM, kind: text },
    toBranch: { key: sc.CORTEX_BRANCH_TO, kind: text },
    filePath: { key: sc.CORTEX_FILE_PATH, kind: text },
  },
  feature: [],
  result: 'success',
};

export const ERROR: EventType = {
  name: sc.EXT_ERROR,
  fields: {
    errorType: { key: sc.CORTEX_ERROR_TYPE, kind: errorName, also: sc.ERROR_TYPE },
    message: { key: sc.CORTEX_ERROR_MESSAGE, kind: text },
    stack: { key: sc.CORTEX_ERROR_LOCATION, kind: stack },
    /** What `summarizeError` made of a live error; takes the place of `stack`. */
    location: { key: sc.CORTEX_ERROR_LOCATION, kind: (key, value) => ({ [key]: String(value) }) },
    crash: { key: sc.CORTEX_ERROR_CRASH, kind: flag },
    result: { key: sc.CORTEX_RESULT, kind: choice('error', 'timeout') },
  },
  feature: [],
  result: 'error',
};

export const EVENTS = [INSTALL, ACTIVATE, UI_INTERACTION, CODE_INSERT, CONTEXT_SWITCH, ERROR];

/**
 * The attributes of an event.
 *
 * @param values by field name; `undefined` and `null` mean not known.
 * @param onRejected told `event.field` for a value that makes no sense and was left out.
 */
export function attributesOf(
  event: EventType,
  values: Readonly<Record<string, unknown>>,
  hash: TextHash,
  onRejected: (field: string) => void,
): Attributes {
  const attributes: Attributes = {};
  for (const [name, field] of Object.entries(event.fields)) {
    const value = values[name];
    if (value === undefined || value === null) {
      continue;
    }
    const made = field.kind(field.key, value, hash);
    if (made === undefined) {
      onRejected(`${event.name}.${name}`);
      continue;
    }
    Object.assign(attributes, made);
    const known = made[field.key];
    if (field.also !== undefined && known !== undefined) {
      attributes[field.also] = known;
    }
  }
  return complete(event, attributes);
}

/** Add what every event carries and what follows from its fields; same object. */
function complete(event: EventType, attributes: Attributes): Attributes {
  attributes[sc.CORTEX_SERVICE] = 'extension';
  attributes[sc.CORTEX_RESULT] ??= event.result;
  markFailure(attributes);
  const place = attributes[sc.CORTEX_ERROR_LOCATION];
  const type = attributes[sc.CORTEX_ERROR_TYPE];
  if (typeof place === 'string' && typeof type === 'string' && /^[A-Za-z_]\w*$/.test(type)) {
    attributes[sc.CORTEX_ERROR_LOCATION] = place.replace(/^Exception(?= |$)/, type);
  }
  const feature = event.feature.flatMap((key) => attributes[key] ?? []).join(' ');
  if (feature) {
    attributes[sc.CORTEX_FEATURE] = feature;
  }
  return attributes;
}

/** A failure has an `error.type`, known or not. */
export function markFailure(attributes: Attributes): void {
  const result = attributes[sc.CORTEX_RESULT];
  if (result === 'error' || result === 'timeout') {
    attributes[sc.ERROR_TYPE] ??= result === 'timeout' ? 'timeout' : ERROR_TYPE_OTHER;
  }
}

/** Field values of {@link ERROR} from whatever was thrown. */
export function valuesOfError(error: unknown, options: ErrorOptions): Record<string, unknown> {
  const summary = summarizeError(error);
  return {
    errorType: options.type ?? summary.type,
    message: summary.message,
    location: summary.location || undefined,
    crash: options.crash,
    result: options.result ?? (summary.isTimeout ? 'timeout' : 'error'),
  };
}

/** What the outcome of work is when it throws. */
export function outcomeOf(thrown: unknown): Attributes {
  const summary = summarizeError(thrown);
  if (summary.isCancellation) {
    return { [sc.CORTEX_RESULT]: 'cancelled' };
  }
  return {
    [sc.CORTEX_RESULT]: summary.isTimeout ? 'timeout' : 'error',
    [sc.ERROR_TYPE]: summary.type,
    ...(summary.location ? { [sc.CORTEX_ERROR_LOCATION]: summary.location } : {}),
  };
}
