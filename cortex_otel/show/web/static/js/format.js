// Formatting of numbers, durations, times and days in the reader's language.
import { client, _ } from "./client.js";

const language = client.language === "ko" ? "ko-KR" : "en-US";
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const three = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const percentWhole = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const percentSmall = new Intl.NumberFormat(language, { style: "percent", maximumSignificantDigits: 2 });

// Times come with the offset of the requested zone and are shown as wall-clock time there, whatever
// the browser's zone. So all formatting is done as if in UTC.
const style = (options) => new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options });
const dayStyle = style({ month: "short", day: "numeric" });
const dayLong = style({ year: "numeric", month: "short", day: "numeric", weekday: "short" });
const dayPlain = style({ year: "numeric", month: "short", day: "numeric" });
const clock = style({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const stamp = style({
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minute = style({
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const NONE = "–";
/** Below it a p-value says no more. */
const LEAST = 0.001;

/** Milliseconds since 1970 of the wall-clock time in `iso`, ignoring its offset. */
export function wall(iso) {
  const [date, time = "00:00:00"] = String(iso).split("T");
  return Date.parse(`${date}T${time.slice(0, 12).replace(/[Z+-].*$/, "")}Z`);
}

export function compact(value) {
  return Math.abs(value) >= 10000 ? short.format(value) : number(value);
}

export function number(value) {
  return Number.isInteger(value) ? whole.format(value) : tenth.format(value);
}

export function ratio(value) {
  return value !== 0 && Math.abs(value) < 0.001 ? percentSmall.format(value) : percent.format(value);
}

/** A ratio in whole percent, where there is room for no more. */
export function percentage(value) {
  return value > 0 && value < 0.005 ? `<${percentWhole.format(0.01)}` : percentWhole.format(value);
}

/** How many times as much: "×1.4". */
export function factor(value) {
  return `×${three.format(value)}`;
}

/** A duration as number and unit, so that a card can show the unit smaller. */
export function duration(ms) {
  const size = Math.abs(ms);
  if (size > 0 && size < 0.1) return [three.format(ms * 1000), _("µs")];
  if (size < SECOND) return [size >= 100 ? whole.format(ms) : three.format(ms), _("ms")];
  if (size < 2 * MINUTE) return [three.format(ms / SECOND), _("s")];
  if (size < 2 * HOUR) return [tenth.format(ms / MINUTE), _("min")];
  if (size < 3 * DAY) return [tenth.format(ms / HOUR), _("h")];
  return [tenth.format(ms / DAY), _("d")];
}

/** Korean units are written right behind their number. */
function withUnit(amount, unit) {
  return /\p{Script=Hangul}/u.test(unit) ? amount + unit : `${amount} ${unit}`;
}

export function day(iso, { long = false } = {}) {
  const time = wall(iso);
  return Number.isNaN(time) ? String(iso) : (long ? dayLong : dayStyle).format(time);
}

export function clockTime(iso) {
  return clock.format(wall(iso));
}

export function moment(iso, { long = false } = {}) {
  const time = wall(iso);
  return Number.isNaN(time) ? String(iso) : (long ? minute : stamp).format(time);
}

export function hour(iso) {
  const time = wall(iso);
  return Number.isNaN(time) ? String(iso) : clock.format(time);
}

/** The range of an answer in words, e.g. "Oct 26 – Nov 25, 2026". */
export function range({ from, to, time_zone: zone }) {
  const [a, b] = [wall(from), wall(to)];
  const formatter = b - a > 2 * DAY ? dayPlain : minute;
  const end = formatter === dayPlain ? b - 1 : b;
  const between = formatter.formatRange
    ? formatter.formatRange(a, end)
    : `${formatter.format(a)} – ${formatter.format(end)}`;
  // Where clocks change in between, there is no one offset to name.
  const [offset, other] = [from, to].map(utc);
  return `${between} · ${zone}${offset === other ? ` (${offset})` : ""}`;
}

function utc(iso) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(iso) ?? ["", "+", "00", "00"];
  return `UTC${sign === "-" ? "−" : "+"}${Number(hours)}${minutes === "00" ? "" : `:${minutes}`}`;
}

/** A value of a closed list that means the same in every column; any other value as it is. */
export function word(value) {
  const { common } = client.labels;
  return Object.hasOwn(common, value) ? common[value] : value;
}

/** A value of the column `name` in the reader's language; undefined if it is a name itself. */
export function named(name, value) {
  const { by_column: byColumn, composed } = client.labels;
  if (Object.hasOwn(composed, name) && typeof value === "string") {
    const { before, replacements } = composed[name];
    return replacements
      .reduce((text, [part, words]) => text.replaceAll(part, () => words), before + value)
      .slice(before.length);
  }
  const words = Object.hasOwn(byColumn, name) ? byColumn[name] : {};
  return Object.hasOwn(words, value) ? words[value] : undefined;
}

/** A value of `column` (name, unit), as text. */
export function cell({ name, unit }, raw, options) {
  return named(name, raw) ?? value(raw, unit, options);
}

/** Any value of a column, as text. */
export function value(raw, unit, { long = false } = {}) {
  if (raw === null || raw === undefined) return NONE;
  switch (unit) {
    case "count":
    case "tokens":
      return number(raw);
    case "ratio":
      return ratio(raw);
    case "factor":
      return factor(raw);
    case "number":
      return raw > 0 && raw < LEAST ? `< ${LEAST}` : three.format(raw);
    case "ms":
      return withUnit(...duration(raw));
    case "unix_ns":
      return moment(raw, { long });
    case "epoch_day":
      return day(raw, { long });
    case "flag":
      return raw ? _("Yes") : _("No");
    default:
      return raw === "" ? _("(unnamed)") : spelt(String(word(raw)));
  }
}

// What questions compose: a step that is a tier, a bar of a histogram of times.
const SPAN = /^(≤ )?(\d+)( (s|min|h|d))?( ?– ?\d+)? ?(s|min|h|d)?$/;
const SPAN_UNITS = { s: _("s"), min: _("min"), h: _("h"), d: _("d") };

function spelt(text) {
  if (text.startsWith("tier:")) return _("Tier: {tier}", { tier: word(text.slice(5)) });
  if (!/\d (s|min|h|d)$/.test(text) || !SPAN.test(text)) return text;
  return text.replace(/ (s|min|h|d)\b/g, (_all, unit) => ` ${SPAN_UNITS[unit]}`);
}

/** The same, short enough for an axis. */
export function brief(raw, unit) {
  if (unit === "count" || unit === "tokens") return short.format(raw);
  if (unit === "factor") return three.format(raw);
  if (unit === "ms" && raw === 0) return "0";
  return value(raw, unit);
}

const signed = new Intl.NumberFormat(language, {
  style: "percent",
  maximumFractionDigits: 1,
  signDisplay: "exceptZero",
});
const points = new Intl.NumberFormat(language, { maximumFractionDigits: 1, signDisplay: "exceptZero" });

/** The change of a value since the previous period: text and direction; null if there is none. */
export function delta(now, before, unit) {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  const difference = now - before;
  if (unit === "ratio") {
    const rounded = Math.round(difference * 1000) / 10;
    return { text: `${points.format(rounded)} ${_("pp")}`, direction: Math.sign(rounded) };
  }
  if (before === 0) return now === 0 ? { text: signed.format(0), direction: 0 } : null;
  const share = Math.round((difference / Math.abs(before)) * 1000) / 1000;
  return { text: signed.format(share), direction: Math.sign(share) };
}
