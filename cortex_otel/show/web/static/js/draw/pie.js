// Shares of a whole: a ring chart, with the same data as a table beside it.
import { draw, swatch, tip, tooltip } from "../chart.js";
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { colour, seriesVariables } from "../palette.js";
import { columnIndex } from "../pivot.js";
import { dataTable } from "./table.js";

const MAX_SLICES = 8;

export async function pie(body, answer) {
  const slices = sliced(answer);
  const total = slices.reduce((sum, slice) => sum + slice.value, 0);
  const variables = seriesVariables(slices.map((slice) => slice.key));
  let share = body.querySelector(":scope > .share");
  if (!share) {
    share = h(
      "div",
      { class: "share" },
      h("div", { class: "chart", role: "img" }),
      h("div", { class: "rows" }),
    );
    body.replaceChildren(share);
  }
  const [place, rows] = share.children;
  place.setAttribute(
    "aria-label",
    _("{title}: {parts}", {
      title: answer.title,
      parts: slices.map((slice) => `${slice.name} ${format.ratio(slice.value / total)}`).join(", "),
    }),
  );
  rows.replaceChildren(
    h(
      "table",
      {},
      h(
        "tbody",
        {},
        slices.map((slice, index) =>
          h(
            "tr",
            {},
            h(
              "td",
              {},
              swatch(variables[index]),
              " ",
              slice.raw === undefined ? slice.name : linked(answer, answer.x, slice.raw, slice.name),
            ),
            h("td", { class: "num" }, format.value(slice.value, slice.unit)),
            h("td", { class: "num none" }, format.ratio(total ? slice.value / total : 0)),
          ),
        ),
      ),
    ),
  );
  dataTable(body, answer);
  await draw(place, () => ({
    tooltip: tooltip(({ dataIndex }) =>
      tip(slices[dataIndex].name, [
        {
          name: format.value(slices[dataIndex].value, slices[dataIndex].unit),
          value: format.ratio(slices[dataIndex].value / total),
        },
      ]),
    ),
    series: [
      {
        type: "pie",
        radius: ["62%", "92%"],
        center: ["50%", "50%"],
        label: { show: false },
        itemStyle: { borderColor: colour("surface"), borderWidth: 2, borderRadius: 4 },
        emphasis: { scaleSize: 3 },
        data: slices.map((slice, index) => ({
          name: slice.name,
          value: slice.value,
          itemStyle: { color: colour(variables[index]) },
        })),
      },
    ],
  }));
}

function sliced(answer) {
  const [name, value] = [columnIndex(answer, answer.x), columnIndex(answer, answer.values[0])];
  const { unit } = answer.columns[value];
  const sums = new Map();
  for (const row of answer.rows) sums.set(row[name], (sums.get(row[name]) ?? 0) + (row[value] ?? 0));
  const slices = [...sums]
    .map(([raw, sum]) => ({
      raw,
      key: String(raw),
      name: format.cell(answer.columns[name], raw),
      value: sum,
      unit,
    }))
    .filter((slice) => slice.value > 0)
    .sort((a, b) => b.value - a.value);
  if (slices.length <= MAX_SLICES) return slices;
  const rest = slices.splice(MAX_SLICES - 1);
  return [
    ...slices,
    {
      key: "…",
      name: _("{count} more", { count: rest.length }),
      value: rest.reduce((sum, slice) => sum + slice.value, 0),
      unit,
    },
  ];
}
