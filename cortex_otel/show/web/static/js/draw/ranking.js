// A ranking: a table with a bar in each row, in the order of the answer; needs no separate data table.
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { seriesVariable } from "../palette.js";
import { columnIndex } from "../pivot.js";

const ADDS_UP = new Set(["count", "tokens"]);

export function ranking(body, answer) {
  const nameAt = columnIndex(answer, answer.x);
  const columns = (
    answer.values.length ? answer.values : [answer.columns.find((column) => ADDS_UP.has(column.unit))?.name]
  ).map((name) => ({ index: columnIndex(answer, name), column: answer.columns[columnIndex(answer, name)] }));
  const rows = grouped(answer.rows, nameAt, columns);
  const highest = Math.max(0, ...rows.map((row) => row.values[0] ?? 0));
  const scroll =
    body.querySelector(":scope > .scroll") ??
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": answer.title },
      h("table", { class: "ranking" }),
    );
  if (!scroll.isConnected) body.replaceChildren(scroll);
  const variable = seriesVariable(columns[0].column.name, 0);
  scroll.firstElementChild.replaceChildren(
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col", title: answer.columns[nameAt].meaning }, answer.columns[nameAt].title),
        h("td", { class: "bar" }, h("span", { class: "sr-only" }, _("Bar"))),
        columns.map(({ column }) =>
          h("th", { scope: "col", class: "num", title: column.meaning }, column.title),
        ),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((row) =>
        h(
          "tr",
          {},
          h(
            "td",
            { class: "text", title: format.cell(answer.columns[nameAt], row.raw) },
            linked(answer, answer.x, row.raw, format.cell(answer.columns[nameAt], row.raw)),
          ),
          h("td", { class: "bar" }, meter(highest ? (row.values[0] ?? 0) / highest : 0, variable)),
          columns.map(({ column }, index) =>
            h("td", { class: "num" }, format.value(row.values[index], column.unit)),
          ),
        ),
      ),
    ),
  );
}

function meter(share, variable) {
  const element = h("div", { class: "meter", "aria-hidden": "true", vars: { share: share.toFixed(4) } });
  element.style.background = `var(--${variable})`;
  return element;
}

// Rows with the same name (by tier, say) are added up into one bar if their values are additive; the
// longest is first then. Other rows come in their order: of size, or of time.
function grouped(rows, nameAt, columns) {
  const additive = columns.every(({ column }) => ADDS_UP.has(column.unit));
  if (!additive)
    return rows.map((row) => ({ raw: row[nameAt], values: columns.map(({ index }) => row[index]) }));
  const sums = new Map();
  for (const row of rows) {
    const values = sums.get(row[nameAt]) ?? columns.map(() => 0);
    sums.set(
      row[nameAt],
      values.map((sum, index) => sum + (row[columns[index].index] ?? 0)),
    );
  }
  const found = [...sums].map(([raw, values]) => ({ raw, values }));
  return found.length === rows.length ? found : found.sort((a, b) => b.values[0] - a.values[0]);
}
