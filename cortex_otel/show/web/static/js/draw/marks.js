// What stands for values in a chart over time: lines with their gaps, bars, the line of a target.
import { _ } from "../client.js";
import * as format from "../format.js";
import { colour } from "../palette.js";

const SMALL_DOTS_UP_TO = 45;

export function lines(series, paint, data, answer) {
  const common = {
    type: "line",
    name: series.name,
    color: paint,
    smooth: false,
    connectNulls: false,
    symbol: "circle",
    symbolSize: 5,
    showSymbol: series.points.length <= SMALL_DOTS_UP_TO,
    emphasis: { focus: "none" },
    lineStyle: { width: 2, color: paint },
    stack: answer.stacked ? "all" : undefined,
    areaStyle: answer.stacked
      ? { opacity: 0.35, color: paint }
      : data.series.length === 1
        ? { opacity: 0.09, color: paint }
        : undefined,
  };
  if (answer.stacked || !data.partial.includes(true))
    return [{ ...common, id: series.key, data: series.points }, ...lonely(series.points, series, common)];
  const over = series.points.map((point, index) => (data.partial[index] ? null : point));
  // The dashed part begins at the last complete point, so that the line has no gap.
  const open = series.points.map((point, index) =>
    data.partial[index] || data.partial[index + 1] || data.partial[index - 1] ? point : null,
  );
  return [
    { ...common, id: series.key, data: over },
    ...lonely(over, series, common),
    {
      ...common,
      id: `${series.key}/partial`,
      data: open,
      areaStyle: undefined,
      lineStyle: { width: 2, color: paint, type: [4, 4] },
      itemStyle: { color: colour("surface"), borderColor: paint, borderWidth: 1.5 },
      showSymbol: true,
      symbolSize: 6,
    },
  ];
}

// No line leads to a point between gaps: where the others have no dots, it has one.
export function lonely(points, { key }, common) {
  if (common.showSymbol || common.stack) return [];
  const gap = (index) => (points[index] ?? null) === null;
  const alone = points.map((point, index) => (gap(index - 1) && gap(index + 1) ? point : null));
  if (alone.every((point) => point === null)) return [];
  return [{ ...common, id: `${key}/alone`, data: alone, areaStyle: undefined, showSymbol: true }];
}

export function bars(series, paint, data, answer) {
  return [
    {
      type: "bar",
      name: series.name,
      id: series.key,
      color: paint,
      barMaxWidth: 34,
      barGap: "12%",
      barCategoryGap: "28%",
      stack: answer.stacked ? "all" : undefined,
      itemStyle: { color: paint, borderRadius: answer.stacked ? 0 : [3, 3, 0, 0] },
      data: series.points.map((point, index) =>
        data.partial[index]
          ? { value: point, itemStyle: { color: paint, opacity: 0.75, decal: HATCHED } }
          : point,
      ),
    },
  ];
}

const HATCHED = {
  symbol: "rect",
  dashArrayX: [1, 0],
  dashArrayY: [3, 4],
  rotation: -Math.PI / 4,
  color: "rgba(255,255,255,0.65)",
};

export function target(answer, unit) {
  return {
    silent: true,
    symbol: "none",
    animation: false,
    lineStyle: { color: colour("good"), type: "dashed", width: 1.5 },
    label: {
      color: colour("good"),
      position: "insideEndTop",
      fontWeight: 600,
      backgroundColor: colour("surface"),
      padding: [1, 4],
      borderRadius: 3,
      distance: 3,
      formatter: () => _("Target {value}", { value: format.value(answer.target, unit) }),
    },
    data: [{ yAxis: answer.target }],
  };
}
