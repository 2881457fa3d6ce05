// Estimates with their confidence intervals: a table with a picture of them in each row.
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { columnIndex } from "../pivot.js";

export function intervals(body, answer) {
  const nameAt = columnIndex(answer, answer.x);
  const splitAt = answer.split ? columnIndex(answer, answer.split) : -1;
  const [estimate, low, high, ...beside] = answer.values.map((name) => columnIndex(answer, name));
  const column = answer.columns[estimate];
  const control = answer.target;
  const scale = scaleOf(
    answer.rows.flatMap((row) => [row[estimate], row[low], row[high]]),
    control,
    column.unit,
  );
  const pendingAt = columnIndex(answer, "pending_users");
  const isOpen = (row) => pendingAt >= 0 && row[pendingAt] > 0;
  const label = (raw, index) => format.cell(answer.columns[index], raw);
  const heading = (index, name = answer.columns[index].title) =>
    h("th", { scope: "col", class: "num", title: answer.columns[index].meaning }, name);
  const table = h(
    "table",
    { class: "intervals" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col", title: answer.columns[nameAt].meaning }, answer.columns[nameAt].title),
        splitAt >= 0 && h("th", { scope: "col" }, answer.columns[splitAt].title),
        h("td", { class: "range" }, axis(scale, control, column.unit)),
        heading(estimate),
        h("th", { scope: "col", class: "num" }, _("95 % interval")),
        beside.map((index) => heading(index)),
      ),
    ),
    h(
      "tbody",
      {},
      answer.rows.map((row) => {
        const known = row[low] !== null && row[high] !== null;
        const clear = known && control !== null && (row[low] > control || row[high] < control);
        const open = isOpen(row);
        return h(
          "tr",
          { title: open ? _("not complete yet") : null },
          h(
            "th",
            { scope: "row", class: "text" },
            linked(answer, answer.x, row[nameAt], label(row[nameAt], nameAt)),
          ),
          splitAt >= 0 && h("td", { class: "text" }, label(row[splitAt], splitAt)),
          h("td", { class: open ? "range pending" : "range" }, open && h("span", { class: "sr-only" }, _("not complete yet")), whisker(scale, control, [row[low], row[estimate], row[high]], clear)),
          h("td", { class: "num" }, h("b", {}, format.value(row[estimate], column.unit))),
          h(
            "td",
            { class: known ? "num" : "num none" },
            known
              ? _("{low} to {high}", { low: format.value(row[low], column.unit), high: format.value(row[high], column.unit) })
              : format.NONE,
          ),
          beside.map((index) => h("td", { class: "num" }, label(row[index], index))),
        );
      }),
    ),
  );
  const unknown = answer.rows.some((row) => row[low] === null || row[high] === null);
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": answer.title }, table);
  const note = _("{none}: too few to say, or nothing to compare with", { none: format.NONE });
  const open = answer.rows.some(isOpen);
  const key = [
    open && h("i", { class: "box pending", "aria-hidden": "true" }),
    open && h("span", {}, _("not complete yet")),
    unknown && h("span", {}, note),
  ].filter(Boolean);
  body.replaceChildren(...(key.length ? [scroll, h("p", { class: "scale" }, key)] : [scroll]));
}


// The ends of the axis, rounded to what people count in, with the line of no effect inside it.
function scaleOf(values, control, unit) {
  const known = values.filter((value) => Number.isFinite(value));
  if (control !== null && control !== undefined) known.push(control);
  let [least, most] = [Math.min(...known, Number.POSITIVE_INFINITY), Math.max(...known, Number.NEGATIVE_INFINITY)];
  if (!known.length) [least, most] = [0, 1];
  if (least === most) [least, most] = [least - (unit === "ratio" ? 0.05 : 0.5), most + (unit === "ratio" ? 0.05 : 0.5)];
  const rough = (most - least) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  return { from: Math.floor(least / step + 1e-9) * step, to: Math.ceil(most / step - 1e-9) * step, step };
}

const part = (scale, value) => ((value - scale.from) / (scale.to - scale.from)).toFixed(4);

function axis(scale, control, unit) {
  const marks = [scale.from, scale.to];
  if (control !== null && control !== undefined) marks.splice(1, 0, control);
  const apart = marks.filter((each, index) => index !== 1 || marks.length < 3 || !near(scale, each));
  return h(
    "div",
    { class: "interval-axis", "aria-hidden": "true" },
    [...new Set(apart)].map((each) =>
      h("span", { vars: { at: part(scale, each) }, "data-side": sideOf(scale, each) }, format.value(each, unit)),
    ),
  );
}

// Too near to an end for two labels: the end's is enough.
function near(scale, value) {
  const at = Number(part(scale, value));
  return at > 0 && at < 1 && (at < 0.25 || at > 0.75);
}

function sideOf(scale, value) {
  return value === scale.from ? "start" : value === scale.to ? "end" : "middle";
}

function whisker(scale, control, [low, estimate, high], clear) {
  return h(
    "div",
    { class: "interval", "aria-hidden": "true", "data-clear": clear },
    control !== null && control !== undefined && h("i", { class: "interval-control", vars: { at: part(scale, control) } }),
    low !== null &&
      high !== null &&
      h("i", { class: "interval-line", vars: { from: part(scale, low), to: part(scale, high) } }),
    estimate !== null && h("i", { class: "interval-point", vars: { at: part(scale, estimate) } }),
  );
}
