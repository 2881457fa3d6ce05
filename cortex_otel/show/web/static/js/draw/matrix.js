// A heat map of x by split.
import { h } from "../dom.js";
import * as format from "../format.js";
import { columnIndex } from "../pivot.js";

export function matrix(body, answer) {
  const [across, down, value] = [answer.x, answer.split, answer.values[0]].map((name) =>
    columnIndex(answer, name),
  );
  const names = (index) => [...new Set(answer.rows.map((row) => row[index]))];
  const [columns, rows] = [names(across), names(down)];
  const cells = new Map(answer.rows.map((row) => [JSON.stringify([row[across], row[down]]), row[value]]));
  const highest = Math.max(0, ...answer.rows.map((row) => row[value] ?? 0));
  const { unit } = answer.columns[value];
  const label = (raw, index) => format.cell(answer.columns[index], raw);
  const one = (x, y) => {
    const raw = cells.get(JSON.stringify([x, y])) ?? null;
    const share = highest && raw !== null ? raw / highest : 0;
    return h(
      "td",
      {
        class: raw === null ? "none" : "cell",
        vars: { share: share.toFixed(3) },
        title: `${label(y, down)} × ${label(x, across)}: ${format.value(raw, unit)}`,
      },
      raw === null ? "" : format.brief(raw, unit),
    );
  };
  const table = h(
    "table",
    { class: "matrix" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        columns.map((x) =>
          h("th", { scope: "col" }, h("span", { title: label(x, across) }, label(x, across))),
        ),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((y) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", title: label(y, down) }, label(y, down)),
          columns.map((x) => one(x, y)),
        ),
      ),
    ),
  );
  body.replaceChildren(
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": answer.title }, table),
  );
}
