// An answer in words: one row's values in a sentence, with a line of how it went, and a link.
import { linkTo } from "../address.js";
import { _ } from "../client.js";
import { h, svg } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { columnIndex, pivot } from "../pivot.js";
import { dataTable } from "./table.js";

const [WIDTH, HEIGHT] = [240, 44];

export function sentence(body, answer) {
  const [row] = answer.rows;
  const place = h("div", { class: "answer" }, h("p", { class: "said" }, ...words(answer, row)));
  const trend = answer.trend && { ...answer, ...answer.trend, draw: "lines", split: "", links: {} };
  if (trend?.rows.length > 1) place.append(spark(pivot(trend)));
  if (answer.leads_to) {
    place.append(
      h("a", { class: "onward", href: linkTo(answer.leads_to.page) }, answer.leads_to.title, h("span", { "aria-hidden": "true" }, " →")),
    );
  }
  body.replaceChildren(place);
  dataTable(body, trend?.rows.length ? trend : answer);
}

// The text's {columns} become the row's values, in bold, as links where the panel has one.
function words(answer, row) {
  return answer.sentence.split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    const index = name ? columnIndex(answer, name) : -1;
    if (index < 0) return part;
    return h("b", {}, linked(answer, name, row[index], format.cell(answer.columns[index], row[index])));
  });
}

function spark({ categories, series: [first], unit, partial }) {
  if (!first) return null;
  const known = first.points.filter((point) => point !== null);
  const [least, most] = [Math.min(0, ...known), Math.max(...known, 0)];
  const x = (index) => (categories.length > 1 ? (index / (categories.length - 1)) * (WIDTH - 8) + 4 : WIDTH / 2);
  const y = (point) => HEIGHT - 5 - ((point - least) / (most - least || 1)) * (HEIGHT - 10);
  const line = (from, to) => {
    let path = "";
    for (let index = from; index <= to; index++) {
      const point = first.points[index];
      if (point !== null) path += `${path && first.points[index - 1] !== null ? "L" : "M"}${x(index).toFixed(1)} ${y(point).toFixed(1)}`;
    }
    return path;
  };
  // What is below the line: nothing below its gaps.
  const below = (to) => {
    let path = "";
    for (let index = 0; index <= to; index++) {
      const point = first.points[index];
      if (point === null) continue;
      const at = x(index).toFixed(1);
      if ((first.points[index - 1] ?? null) === null) path += `M${at} ${HEIGHT}`;
      path += `L${at} ${y(point).toFixed(1)}`;
      if (index === to || first.points[index + 1] === null) path += `L${at} ${HEIGHT}Z`;
    }
    return path;
  };
  const last = first.points.findLastIndex((point) => point !== null);
  // The period that isn't over is dashed: a fall there is no fall.
  const firstOpen = partial.indexOf(true);
  const over = firstOpen > 0 ? firstOpen - 1 : last;
  const whole = line(0, over);
  return h(
    "figure",
    { class: "spark", role: "img", "aria-label": described(categories, first, unit) },
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      svg("path", { class: "spark-area", d: below(over) }),
      svg("path", { class: "spark-line", d: whole }),
      over < last && svg("path", { class: "spark-line", "data-open": "", d: line(over, last) }),
    ),
    h("i", {
      class: "spark-end",
      "aria-hidden": "true",
      vars: { x: (x(last) / WIDTH).toFixed(4), y: (y(first.points[last] ?? 0) / HEIGHT).toFixed(4) },
    }),
  );
}

function described(categories, series, unit) {
  const at = (index) => format.value(categories.at(index), unit, { long: true });
  const value = (index) => format.value(series.points.at(index), series.unit);
  return _("{name}: {first} on {from}, {last} on {to}", {
    name: series.name,
    first: value(0),
    from: at(0),
    last: value(-1),
    to: at(-1),
  });
}
