// Rows of an answer as series over a common axis.
import { DAY, wall } from "./format.js";

const HOUR = 3_600_000;
const MAX_SLOTS = 10_000;
const UNTOLD_SLOTS = 1000;
const ADDS_UP = new Set(["count", "tokens"]);

export function columnIndex(answer, name) {
  return answer.columns.findIndex((column) => column.name === name);
}

/**
 * `{categories, unit, series: [{name, column, unit, points}], partial, counts}`: `points` has a
 * value or null for each category; `partial` is true for each category whose period isn't over;
 * `counts` is the number of values in each category, or null if unknown.
 *
 * Days and hours without a row are on the axis too: as 0 in counts, as a gap in measurements, and
 * before anything was recorded.
 */
export function pivot(answer) {
  const at = (name) => columnIndex(answer, name);
  const xIndex = at(answer.x);
  const xUnit = answer.columns[xIndex]?.unit ?? "text";
  const splitIndex = answer.split ? at(answer.split) : -1;
  const partialIndex = at("partial");
  const values = answer.values.length ? answer.values : drawable(answer, xIndex, splitIndex);
  const categories = axis(
    answer.rows.map((row) => row[xIndex]),
    xUnit,
    answer.range,
  );
  const position = new Map(categories.map((category, index) => [category, index]));
  const partial = categories.map(() => false);
  const nIndex = splitIndex < 0 ? at("n") : -1;
  const counts = nIndex < 0 || values.includes("n") ? null : categories.map(() => null);
  const begins = answer.recorded_from ? wall(answer.recorded_from) : Number.NEGATIVE_INFINITY;
  const isTime = xUnit === "epoch_day" || xUnit === "unix_ns";
  const length = xUnit === "epoch_day" ? DAY : HOUR;
  const nothing = categories.map((each) => (isTime && wall(each) + length <= begins ? null : 0));
  const found = new Map();
  for (const row of answer.rows) {
    const slot = position.get(row[xIndex]);
    if (partialIndex >= 0 && row[partialIndex]) partial[slot] = true;
    if (counts) counts[slot] = row[nIndex];
    for (const value of values) {
      const column = answer.columns[at(value)];
      const split = splitIndex >= 0 ? String(row[splitIndex] ?? "") : "";
      const key =
        splitIndex >= 0 && values.length === 1
          ? split
          : splitIndex >= 0
            ? `${split} · ${column.title}`
            : value;
      if (!found.has(key)) {
        found.set(key, {
          key,
          name: splitIndex >= 0 ? key : column.title || value,
          unit: column.unit,
          points: ADDS_UP.has(column.unit) ? [...nothing] : categories.map(() => null),
        });
      }
      const { points } = found.get(key);
      const raw = row[at(value)];
      // Several rows for the same slot and split: counts are added up.
      points[slot] = ADDS_UP.has(column.unit) && raw !== null ? points[slot] + raw : raw;
    }
  }
  return { categories, unit: xUnit, series: [...found.values()], partial, counts };
}

function drawable(answer, xIndex, splitIndex) {
  return answer.columns
    .filter(
      (column, index) =>
        index !== xIndex &&
        index !== splitIndex &&
        column.name !== "partial" &&
        column.unit !== "text" &&
        column.unit !== "flag" &&
        column.name !== "n",
    )
    .map((column) => column.name);
}

function axis(raw, unit, range) {
  const seen = [...new Set(raw)];
  if (unit === "epoch_day")
    return filled(seen, DAY, (time) => new Date(time).toISOString().slice(0, 10), range);
  if (unit === "unix_ns") {
    const offset = /([+-]\d\d:\d\d|Z)$/.exec(seen[0] ?? "")?.[0] ?? "+00:00";
    if (seen.some((each) => !each.endsWith(offset)))
      return seen.sort((a, b) => Date.parse(a) - Date.parse(b));
    return filled(seen, HOUR, (time) => `${new Date(time).toISOString().slice(0, 23)}${offset}`, range);
  }
  return seen;
}

function filled(seen, smallest, written, range) {
  if (!seen.length) return [];
  const times = seen.map(wall).sort((a, b) => a - b);
  const byTime = new Map(seen.map((each) => [wall(each), each]));
  // Weeks or days in a series of hours: if all rows are that far apart, it is the period.
  const longer = [7 * DAY, DAY].filter((step) => step > smallest);
  const apart = (step) => times.every((time) => (time - times[0]) % step === 0);
  const step = (times.length > 2 && longer.find(apart)) || smallest;
  if (!apart(step)) return times.map((time) => byTime.get(time));
  // One or two rows don't tell their period, and weeks are not looked at in hours.
  if (times.length < 3 && range && (wall(range.to) - wall(range.from)) / step > UNTOLD_SLOTS)
    return times.map((time) => byTime.get(time));
  let [first, last] = [times[0], times.at(-1)];
  if (range && step === smallest) {
    // Extend to both ends of the requested range, also where there are no rows.
    const [from, to] = [wall(range.from), wall(range.to)];
    while (first - step > from - step) first -= step;
    while (last + step < to) last += step;
  }
  if ((last - first) / step > MAX_SLOTS) return times.map((time) => byTime.get(time));
  const slots = [];
  for (let time = first; time <= last; time += step) slots.push(byTime.get(time) ?? written(time));
  return slots;
}
