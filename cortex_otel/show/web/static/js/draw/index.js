// What draws an answer, by the name its panel declares.
import { cards } from "./cards.js";
import { funnel } from "./funnel.js";
import { heatmap } from "./heatmap.js";
import { intervals } from "./intervals.js";
import { matrix } from "./matrix.js";
import { overTime } from "./over_time.js";
import { pie } from "./pie.js";
import { ranking } from "./ranking.js";
import { sankey } from "./sankey.js";
import { sentence } from "./sentence.js";
import { table } from "./table.js";

export const DRAW = {
  cards,
  funnel,
  heatmap,
  intervals,
  matrix,
  pie,
  ranking,
  sankey,
  sentence,
  table,
  lines: (body, answer) => overTime(body, answer, "line"),
  bars: (body, answer) => overTime(body, answer, "bar"),
};
