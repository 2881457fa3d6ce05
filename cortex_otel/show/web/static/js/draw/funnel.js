// A funnel: a block for each step with a bar of who got there and, hatched, who left before it. With
// a split, every step has a bar for each of its values. The bars are a list with all numbers as text.
import { swatch } from "../chart.js";
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { seriesVariables } from "../palette.js";
import { columnIndex } from "../pivot.js";
import { dataTable } from "./table.js";

export function funnel(body, answer) {
  const at = (name) => columnIndex(answer, name);
  const [nameAt, usersAt] = [at(answer.x), at(answer.values[0])];
  const stepAt = at("step") >= 0 ? at("step") : nameAt;
  const splitAt = answer.split ? at(answer.split) : -1;
  const series = [...new Set(answer.rows.map((row) => (splitAt < 0 ? "" : (row[splitAt] ?? ""))))];
  const isSplit = series.length > 1 || (series.length === 1 && series[0] !== "");
  const variables = isSplit ? seriesVariables(series.map(String)) : ["series-1"];
  const steps = [...Map.groupBy(answer.rows, (row) => row[stepAt]).values()];
  const firsts = new Map();
  for (const row of answer.rows) {
    const key = splitAt < 0 ? "" : (row[splitAt] ?? "");
    if (!firsts.has(key)) firsts.set(key, row[usersAt] ?? 0);
  }
  const numbers = (row) => ({
    users: row[usersAt],
    ofFirst: rate(answer, row, "rate_of_first"),
    ofPrevious: rate(answer, row, "rate_of_previous"),
    median: rate(answer, row, "median_ms"),
    pending: rate(answer, row, "pending_users"),
  });
  const bars = (rows, index, before) =>
    series.map((key, place) => {
      const row = rows.find((each) => (splitAt < 0 ? "" : (each[splitAt] ?? "")) === key);
      if (!row) return null;
      const found = numbers(row);
      const first = firsts.get(key) || 0;
      const previous = before?.find((each) => (splitAt < 0 ? "" : (each[splitAt] ?? "")) === key);
      const left = previous ? Math.max(0, (previous[usersAt] ?? 0) - (found.users ?? 0)) : 0;
      return h(
        "div",
        { class: "funnel-bar" },
        isSplit && h("span", { class: "funnel-of" }, swatch(variables[place]), " ", format.cell(answer.columns[splitAt], key)),
        bar(first ? (found.users ?? 0) / first : 0, first ? left / first : 0, variables[place]),
        h("p", { class: "funnel-facts" }, ...facts(answer, found, left, index)),
      );
    });
  const list = h(
    "ol",
    { class: "funnel", "data-split": isSplit },
    steps.map((rows, index) =>
      h(
        "li",
        {},
        h(
          "h3",
          {},
          h("span", { class: "funnel-step", "aria-hidden": "true" }, String(index + 1)),
          linked(answer, answer.x, rows[0][nameAt], stepName(rows[0][nameAt])),
        ),
        bars(rows, index, steps[index - 1]),
      ),
    ),
  );
  const pending = [...firsts.keys()].reduce((sum, key) => {
    const row = steps[0]?.find((each) => (splitAt < 0 ? "" : (each[splitAt] ?? "")) === key);
    return sum + ((row && numbers(row).pending) ?? 0);
  }, 0);
  body.replaceChildren(list);
  if (pending > 0) {
    body.append(
      h(
        "p",
        { class: "funnel-pending" },
        h("i", { class: "box pending", "aria-hidden": "true" }),
        _("Still inside the window, counted in no step: {count}", { count: format.number(pending) }),
      ),
    );
  }
  dataTable(body, answer);
}

/** A step as people read it: a tier by its name, other steps as they are. */
export function stepName(raw) {
  const text = String(raw ?? "");
  return text.startsWith("tier:") ? _("Tier: {tier}", { tier: format.word(text.slice(5)) }) : String(format.word(text));
}

function rate(answer, row, name) {
  const index = columnIndex(answer, name);
  return index < 0 ? null : row[index];
}

function bar(share, left, variable) {
  const element = h(
    "div",
    { class: "funnel-track", "aria-hidden": "true", vars: { share: share.toFixed(4), left: left.toFixed(4) } },
    h("i", { class: "funnel-got" }),
    h("i", { class: "funnel-left" }),
  );
  element.style.setProperty("--paint", `var(--${variable})`);
  return element;
}

function facts(answer, { users, ofFirst, ofPrevious, median }, left, index) {
  const column = answer.columns[columnIndex(answer, answer.values[0])];
  const fact = (number, words, lost = false) => h("span", {}, h("b", { class: lost ? "lost" : null }, number), ` ${words}`);
  const found = [fact(format.value(users, column.unit), column.title)];
  if (index === 0) return found;
  if (ofFirst !== null) found.push(fact(format.ratio(ofFirst), _("of the first step")));
  if (ofPrevious !== null && index > 1) found.push(fact(format.ratio(ofPrevious), _("of the step before")));
  found.push(fact(left ? `−${format.number(left)}` : format.number(0), _("left here"), left > 0));
  if (median !== null) found.push(fact(format.value(median, "ms"), _("median time to get here")));
  return found;
}
