// One row as big numbers, each with its change since the previous period.
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { isPercentile, sense } from "../meaning.js";
import { columnIndex } from "../pivot.js";

const COUNTED = ["n", "timed", "measured"];
// Times and names aren't numbers: they are shown without a comparison.
const WORDS = new Set(["unix_ns", "epoch_day", "text", "flag"]);
const TONES = { good: _("better"), bad: _("worse") };
const CHANCES = {
  poisson: _("within the error of a count (Poisson, 95 %)"),
  binomial: _("within the error of a rate (binomial, 95 %)"),
  ranks: _("too few durations for this percentile"),
  bucket: _("within the error of the histogram (9 %)"),
};
const ARROWS = { 1: "▲", 0: "=", "-1": "▼" };

export function cards(body, answer) {
  const [row] = answer.rows;
  const before = answer.previous?.rows?.[0];
  const names = answer.values.length ? answer.values : shown(answer);
  let list = body.querySelector(":scope > .cards");
  if (!list) {
    list = h("dl", { class: "cards" });
    body.replaceChildren(list);
  }
  list.style.setProperty("--all", String(names.length));
  list.style.setProperty("--half", String(Math.ceil(names.length / 2)));
  const known = new Map([...list.children].map((card) => [card.dataset.column, card]));
  for (const [name, card] of known) if (!names.includes(name)) card.remove();
  for (const name of names) {
    const index = columnIndex(answer, name);
    const column = answer.columns[index];
    const card = known.get(name) ?? list.appendChild(h("div", { class: "card", "data-column": name }));
    const content = one(answer, column, row?.[index], before?.[index], row);
    const text = JSON.stringify([row?.[index], before?.[index], content.map((each) => each.textContent)]);
    if (card.dataset.shown === text) continue;
    // Only a number that has changed flashes, and not when first shown.
    card.classList.toggle("flash", false);
    if (card.dataset.shown) requestAnimationFrame(() => card.classList.add("flash"));
    card.dataset.shown = text;
    card.replaceChildren(...content);
  }
}

function shown(answer) {
  return answer.columns
    .filter((column) => column.unit !== "text" && column.unit !== "flag" && !COUNTED.includes(column.name))
    .map((column) => column.name);
}

function one(answer, column, now, before, row) {
  const below = h("div", { class: "below" });
  const isNumber = !WORDS.has(column.unit);
  const change = answer.previous && isNumber ? format.delta(now, before, column.unit) : null;
  if (change) {
    const known = answer.previous.changes?.[column.name] ?? {};
    // Chance alone explains it: no arrow up or down, and no colour.
    const chance = known.within_error === true && change.direction !== 0;
    const tone = chance ? "" : sense(column.name, column.unit, change.direction);
    const words = [
      _("{change} compared with {from} to {to} ({before})", {
        change: change.text,
        from: format.day(answer.previous.from),
        to: format.day(answer.previous.to),
        before: format.value(before, column.unit),
      }),
      chance ? CHANCES[known.test] : "",
    ]
      .filter(Boolean)
      .join(" · ");
    below.append(
      h(
        "span",
        { class: "delta", "data-sense": tone || null, "data-chance": chance || null, title: words },
        h("span", { "aria-hidden": "true" }, `${chance ? "≈" : ARROWS[change.direction]} ${change.text}`),
        h("span", { class: "sr-only" }, tone ? `${words} (${TONES[tone]})` : words),
      ),
    );
  } else if (answer.previous && isNumber && now !== null && now !== undefined) {
    below.append(h("span", {}, _("no earlier data")));
  }
  if (isPercentile(column.name) || column.name === "avg_ms") {
    const count = COUNTED.map((name) => columnIndex(answer, name)).find((index) => index >= 0);
    if (count !== undefined && row?.[count] !== null && row)
      below.append(
        h("span", { title: _("How many durations were measured") }, `n = ${format.compact(row[count])}`),
      );
  }
  return [
    h("dt", { title: column.meaning }, column.title || column.name),
    h(
      "dd",
      {
        class: isNumber ? "big" : "big worded",
        title: now === null || now === undefined ? null : format.value(now, column.unit),
      },
      ...big(now, column.unit),
    ),
    h("dd", { class: "under" }, below),
  ];
}

function big(raw, unit) {
  if (raw === null || raw === undefined) return [format.NONE];
  if (unit === "ms") {
    const [number, name] = format.duration(raw);
    return [number, h("small", {}, name)];
  }
  if (unit === "count" || unit === "tokens") return [format.compact(raw)];
  return [format.value(raw, unit)];
}
