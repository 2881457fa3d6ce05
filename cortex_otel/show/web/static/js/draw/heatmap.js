// A heat map: a row for each x, a column for each split, coloured by the first value. Null is not
// complete yet, and hatched; a cell without a row doesn't exist. It is a table, so it needs no other.
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { columnIndex } from "../pivot.js";

const DAYS = new Set(["epoch_day", "unix_ns"]);

export function heatmap(body, answer) {
  const [down, across] = [answer.x, answer.split].map((name) => columnIndex(answer, name));
  const [value, ...ofRow] = answer.values.map((name) => columnIndex(answer, name));
  const column = answer.columns[value];
  const columns = ordered(answer, across);
  const rows = [...Map.groupBy(answer.rows, (row) => row[down])];
  const highest = Math.max(0, ...answer.rows.map((row) => row[value] ?? 0));
  const table = h(
    "table",
    { class: "matrix heat" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col", title: answer.columns[down].meaning }, answer.columns[down].title),
        ofRow.map((index) =>
          h("th", { scope: "col", class: "num", title: answer.columns[index].meaning }, answer.columns[index].title),
        ),
        columns.map((raw, index) => {
          const whole = said(answer.columns[across], raw);
          // "Week 0", 1, 2, …: said once, that is enough.
          const name = index || answer.columns[across].unit !== "count" ? named(answer, across, raw) : whole;
          return h("th", { scope: "col", title: whole }, name);
        }),
      ),
    ),
    h(
      "tbody",
      {},
      mean(answer, columns, highest),
      rows.map(([raw, cells]) => {
        const byColumn = new Map(cells.map((row) => [row[across], row]));
        const name = named(answer, down, raw);
        return h(
          "tr",
          {},
          h("th", { scope: "row", title: said(answer.columns[down], raw) }, linked(answer, answer.x, raw, name)),
          ofRow.map((index) => {
            const known = cells.find((row) => row[index] !== null)?.[index] ?? null;
            return h("td", { class: "num size" }, format.value(known, answer.columns[index].unit));
          }),
          columns.map((at) => cell(answer, byColumn.get(at), { value, column, highest, name, at, across })),
        );
      }),
    ),
  );
  const hatched = answer.rows.some((row) => isPending(answer, row, value, across));
  body.replaceChildren(
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": answer.title }, table),
    h(
      "p",
      { class: "scale" },
      h("span", {}, format.value(0, column.unit)),
      h("i", { class: "ramp", "aria-hidden": "true" }),
      h("span", {}, format.value(highest, column.unit)),
      hatched && h("i", { class: "box pending", "aria-hidden": "true" }),
      hatched && h("span", {}, _("not complete yet")),
    ),
  );
}

// All rows together, as the second question says: not the mean of means.
function mean(answer, columns, highest) {
  if (!answer.trend?.rows.length) return null;
  const all = { ...answer, ...answer.trend };
  const [across, value] = [answer.split, answer.values[0]].map((name) => columnIndex(all, name));
  const byColumn = new Map(all.rows.map((row) => [row[across], row]));
  const name = _("All, weighted by size");
  return h(
    "tr",
    { class: "mean" },
    h("th", { scope: "row" }, name),
    answer.values.slice(1).map(() => h("td", { class: "size" })),
    columns.map((at) => cell(all, byColumn.get(at), { value, column: all.columns[value], highest, name, at, across })),
  );
}

function cell(answer, row, { value, column, highest, name, at, across }) {
  if (!row) return h("td", { class: "none" });
  const raw = row[value];
  if (raw === null && !isPending(answer, row, value, across)) return h("td", { class: "none" }, format.NONE);
  const where = `${name} · ${said(answer.columns[across], at)}`;
  if (raw === null) {
    const text = _("not complete yet");
    return h("td", { class: "pending", title: `${where}: ${text}` }, h("span", { class: "sr-only" }, text));
  }
  const share = highest ? raw / highest : 0;
  const partialAt = columnIndex(answer, "partial");
  const open = partialAt >= 0 && Boolean(row[partialAt]);
  const more = answer.columns
    .filter((each, index) => index !== value && each.name !== answer.x && each.name !== answer.split && each.name !== "partial" && row[index] !== null)
    .map((each) => `${each.title}: ${format.value(row[columnIndex(answer, each.name)], each.unit)}`);
  return h(
    "td",
    {
      class: open ? "cell open" : "cell",
      vars: { share: share.toFixed(3) },
      title: [
        `${where}: ${format.value(raw, column.unit)}`,
        ...more,
        ...(open ? [_("This period is not over yet")] : []),
      ].join("\n"),
    },
    brief(raw, column.unit),
  );
}

// Periods of cohorts and of time come to their end; a tier without users just has none.
function isPending(answer, row, value, across) {
  if (row[value] !== null) return false;
  const partialAt = columnIndex(answer, "partial");
  if (partialAt >= 0) return Boolean(row[partialAt]);
  const { unit } = answer.columns[across];
  return unit === "count" || DAYS.has(unit);
}

function brief(raw, unit) {
  return unit === "ratio" ? format.percentage(raw) : format.brief(raw, unit);
}

function ordered(answer, across) {
  const seen = [...new Set(answer.rows.map((row) => row[across]))];
  const { unit } = answer.columns[across];
  if (unit === "count") return seen.sort((a, b) => a - b);
  return DAYS.has(unit) ? seen.sort() : seen;
}

function named(answer, index, raw) {
  return format.cell(answer.columns[index], raw);
}

// "Week 3", not "3": a number says nothing without the name of its column.
function said(column, raw) {
  const text = format.cell(column, raw, { long: true });
  return column.unit === "count" ? `${column.title} ${text}` : text;
}
