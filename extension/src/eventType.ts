/** What a declaration of a typed event does: its fields become attributes, and more follow. */
import type { Attributes } from './attributes';
import type { TextHash } from './hashing';
import { type Kind, Place } from './kinds';
import * as sc from './semconv';
import { summarizeError } from './stack';
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
  readonly service: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly feature: readonly string[];
  readonly result: sc.Result;
}

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
  attributes[sc.CORTEX_SERVICE] = event.service;
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
  if (sc.FAILED_RESULTS.has(result)) {
    attributes[sc.ERROR_TYPE] ??=
      result === sc.ERROR_TYPE_TIMEOUT ? sc.ERROR_TYPE_TIMEOUT : sc.ERROR_TYPE_OTHER;
  }
}

/** Field values of `ext.error` from whatever was thrown. */
export function valuesOfError(error: unknown, options: ErrorOptions): Record<string, unknown> {
  const summary = summarizeError(error);
  return {
    errorType: options.type ?? summary.type,
    message: summary.message,
    stack: summary.location ? new Place(summary.location) : undefined,
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
