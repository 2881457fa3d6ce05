// Whether a change is good or bad: a rise in errors is bad.

const UP_IS_GOOD =
  /(^|_)(dau|wau|mau|active|users|accept|accuracy|savings?|conversion|recall|sessions?|success)(_|$)/;
const UP_IS_BAD =
  /(^|_)(errors?|error_rate|failed|failures|timeouts?|avg_ms|p\d+_ms|p\d+|lost|dropped|inactive|crashes)(_|$)/;

/** "good", "bad" or "" for a change in `direction` of the column `name` with `unit`. */
export function sense(name, unit, direction) {
  // A longer session is neither good nor bad.
  if (!direction || (unit === "ms" && /session/.test(name))) return "";
  let good = 0;
  if (UP_IS_BAD.test(name)) good = -1;
  else if (UP_IS_GOOD.test(name)) good = 1;
  else if (unit === "ms") good = -1;
  if (!good) return "";
  return good === direction ? "good" : "bad";
}

/** The colour class of a value that is shown as a tag. */
export function tone(value) {
  if (value === "error" || value === "ERROR" || value === "CRITICAL") return "bad";
  if (value === "timeout" || value === "WARNING") return "warn";
  if (value === "success") return "good";
  return null;
}

export const isPercentile = (name) => /^p\d+(_|$)/.test(name);
