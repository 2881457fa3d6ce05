// Lines and bars over time or categories; periods that aren't over are dashed or hatched.
import { draw, tip, tooltip, walk } from "../chart.js";
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { colour, seriesVariables } from "../palette.js";
import { pivot } from "../pivot.js";
import { hidden, legend } from "./legend.js";
import { bars, lines, target } from "./marks.js";
import { dataTable } from "./table.js";

const MAX_SERIES = 8;

/** Draw `answer` as `kind` ("line" or "bar") in `body`. */
export async function overTime(body, answer, kind) {
  const data = limited(pivot(answer));
  const variables = seriesVariables(data.series.map((series) => series.key));
  let place = body.querySelector(":scope > .chart");
  if (!place) {
    place = h("div", { class: "chart", role: "img", tabindex: "0" });
    body.replaceChildren(place);
  }
  place.setAttribute("aria-label", described(answer, data));
  dataTable(body, answer);
  const redraw = () => draw(place, () => option(answer, data, variables, kind, hidden(body)));
  legend(
    body,
    data.series.map(({ name }, index) => ({ name, variable: variables[index] })),
    redraw,
    Boolean(answer.split),
  );
  await redraw();
  walk(place, data.categories.length, (index) => {
    const values = data.series.map(
      (series) => `${format.word(series.name)} ${format.value(series.points[index], series.unit)}`,
    );
    return `${format.value(data.categories[index], data.unit, { long: true })}: ${values.join(", ")}`;
  });
}

// More than eight can't be distinguished; the smallest are merged if they can be added up.
function limited(data) {
  if (data.series.length <= MAX_SERIES) return data;
  const size = (series) => series.points.reduce((sum, point) => sum + (point ?? 0), 0);
  const order = [...data.series].sort((a, b) => size(b) - size(a));
  const shown = new Set(order.slice(0, MAX_SERIES - 1));
  const rest = order.slice(MAX_SERIES - 1);
  const series = data.series.filter((each) => shown.has(each));
  if (rest.every(({ unit }) => unit === "count" || unit === "tokens")) {
    const points = data.categories.map((_, index) =>
      rest.reduce((sum, each) => sum + (each.points[index] ?? 0), 0),
    );
    series.push({ key: "…", name: _("{count} more", { count: rest.length }), unit: rest[0].unit, points });
  }
  return { ...data, series };
}

function described(answer, data) {
  const names = data.series.map((series) => series.name).join(", ");
  const label = (index) => format.value(data.categories.at(index), data.unit, { long: true });
  return _("{title}: {series}, {from} to {to}. The table below has the numbers.", {
    title: answer.title,
    series: names,
    from: label(0),
    to: label(-1),
  });
}

function option(answer, data, variables, kind, off) {
  const [unit] = data.series.map((series) => series.unit);
  const colours = variables.map(colour);
  const series = data.series.flatMap((each, index) =>
    kind === "line" ? lines(each, colours[index], data, answer) : bars(each, colours[index], data, answer),
  );
  if (answer.target !== null && answer.target !== undefined && series.length)
    series[0].markLine = target(answer, unit);
  const highest = Math.max(
    answer.target ?? 0,
    ...data.series
      .filter(({ name }) => !off.has(name))
      .flatMap((each) => each.points.map((point) => point ?? 0)),
  );
  const step = timeStep(unit, highest, answer.stacked);
  // Of zeros alone, an axis would end beyond 100 %.
  const toWhole = unit === "ratio" && (highest > 0.5 || highest === 0);
  return {
    grid: { left: 6, right: 14, top: 14, bottom: 4, outerBoundsMode: "same" },
    legend: {
      show: false,
      selected: Object.fromEntries(data.series.map(({ name }) => [name, !off.has(name)])),
    },
    tooltip: tooltip((parameters) => content(parameters, data, variables, answer, off), {
      trigger: "axis",
      axisPointer: {
        type: kind === "line" ? "line" : "shadow",
        lineStyle: { color: colour("line-strong") },
        shadowStyle: { color: colour("line"), opacity: 0.35 },
      },
    }),
    xAxis: {
      type: "category",
      data: data.categories,
      boundaryGap: kind !== "line",
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("line-strong") } },
      axisLabel: {
        color: colour("muted"),
        hideOverlap: true,
        alignMinLabel: kind === "line" ? "left" : null,
        alignMaxLabel: kind === "line" ? "right" : null,
        formatter: (raw, index) => tick(raw, index, data),
      },
    },
    yAxis: {
      type: "value",
      min: 0,
      max: toWhole ? 1 : step ? Math.ceil(highest / step) * step : null,
      interval: toWhole ? 0.25 : step,
      minInterval: unit === "count" ? 1 : 0,
      splitNumber: 4,
      axisLabel: { color: colour("muted"), formatter: (value) => format.brief(value, unit) },
      splitLine: { lineStyle: { color: colour("line") } },
    },
    series,
  };
}

// Hours and minutes aren't counted in tens.
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1000,
);

function timeStep(unit, highest, stacked) {
  if (unit !== "ms" || stacked || highest < TIME_STEPS[0]) return undefined;
  return TIME_STEPS.find((step) => highest / step <= 4);
}

function tick(raw, index, data) {
  if (data.unit === "epoch_day") return format.day(raw);
  if (data.unit !== "unix_ns") return shortened(format.value(raw, data.unit));
  // The day is shown at midnight, the hour at other times.
  const span = format.wall(data.categories.at(-1)) - format.wall(data.categories[0]);
  const midnight = format.hour(raw).startsWith("00:00");
  return span > 2 * format.DAY || midnight ? format.day(raw) : format.hour(raw);
}

function shortened(text) {
  return text.length > 22 ? `${text.slice(0, 21)}…` : text;
}

function content(parameters, data, variables, answer, off) {
  const index = parameters[0]?.dataIndex ?? 0;
  const rows = data.series
    .map((series, at) => ({
      variable: variables[at],
      key: series.name,
      name: String(format.word(series.name)),
      raw: series.points[index],
      value: format.value(series.points[index], series.unit),
    }))
    .filter((row) => !off.has(row.key) && (row.raw !== null || data.series.length === 1));
  if (answer.stacked) rows.reverse();
  const count = data.counts?.[index];
  if (count !== null && count !== undefined) rows.push({ name: "n", value: format.number(count) });
  const heading = format.value(data.categories[index], data.unit, { long: true });
  return tip(heading, rows, data.partial[index] ? _("this period is incomplete") : null);
}
