// Flows from step to step, as wide as they are large. Nodes can be reached by Tab; what is pointed at
// or focused is told in words below, and the table has every number.
import { _ } from "../client.js";
import { h, svg } from "../dom.js";
import * as format from "../format.js";
import { seriesVariables } from "../palette.js";
import { columnIndex } from "../pivot.js";
import { placed } from "./flows.js";
import { stepName } from "./funnel.js";
import { dataTable } from "./table.js";

const NODE = 12;
const LEAST_COLUMN = 150;
const [LEAST_HEIGHT, MOST_HEIGHT] = [220, 460];
const HEAD = 22;
/** Not events: what is merged, and where paths end or begin. */
const MERGED = "(other)";
const ENDS = new Set(["(end)", "(start)"]);
const observed = new WeakMap();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const entry = observed.get(target);
    if (entry && Math.abs(entry.width - target.clientWidth) > 4) paint(target, entry);
  }
});

export function sankey(body, answer) {
  let place = body.querySelector(":scope > .flows");
  if (!place) {
    place = h("div", { class: "flows scroll", tabindex: "0", role: "group", "aria-label": answer.title });
    body.replaceChildren(place, h("p", { class: "flow-facts", "aria-live": "polite" }));
    resized.observe(place);
  }
  const entry = { answer, width: 0 };
  observed.set(place, entry);
  dataTable(body, answer);
  paint(place, entry);
}

function paint(place, entry) {
  const { answer } = entry;
  const [from, to, value] = [answer.x, answer.split, answer.values[0]].map((name) => columnIndex(answer, name));
  const flows = answer.rows
    .filter((row) => row[from] !== null && row[to] !== null && row[value] > 0)
    .map((row) => ({ source: row[from], target: row[to], value: row[value], row }));
  const columns = new Set(flows.flatMap(({ source, target }) => [source, target].map((id) => id.split(":")[0]))).size;
  entry.width = place.clientWidth;
  const width = Math.max(entry.width - 4, columns * LEAST_COLUMN);
  const most = Math.max(1, ...Object.values(Object.groupBy(flows, ({ target }) => target.split(":")[0])).map((each) => new Set(each.map(({ target }) => target)).size));
  const height = Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, most * 56));
  const layout = placed(flows, { width, height, node: NODE, rank });
  const names = [...new Set(layout.nodes.filter((each) => each.rank === 0).map((each) => each.name))];
  const variables = new Map(seriesVariables(names).map((variable, index) => [names[index], variable]));
  const colour = ({ name }) => `var(--${variables.get(name) ?? "line-strong"})`;
  const { unit } = answer.columns[value];
  const facts = place.parentElement.querySelector(".flow-facts");
  const rest = _("Point at an event, or go there with Tab, to read where it comes from and leads.");
  const tell = (text) => facts.replaceChildren(text);
  const light = (lit) => {
    chart.toggleAttribute("data-lit", Boolean(lit));
    for (const each of chart.querySelectorAll(".flow, .flow-node")) each.toggleAttribute("data-on", Boolean(lit?.has(each.dataset.id)));
  };
  const leave = () => {
    light(null);
    tell(rest);
  };
  const ribbons = layout.links.map((link, index) => {
    const text = _("{from} → {to}: {count}", {
      from: nodeName(link.source),
      to: nodeName(link.target),
      count: format.value(link.value, unit),
    });
    link.id = `l${index}`;
    return svg(
      "path",
      {
        class: "flow",
        d: link.path,
        "data-id": link.id,
        "data-end": link.target.rank === 2,
        vars: { paint: colour(link.source) },
        onpointerenter: () => {
          light(new Set([link.id, link.source.id, link.target.id]));
          tell(text);
        },
        onpointerleave: leave,
      },
      svg("title", {}, text),
    );
  });
  const nodes = layout.nodes.map((node) => {
    const own = layout.links.filter((link) => link.source === node || link.target === node);
    const text = described(node, own, unit);
    const on = () => {
      light(new Set([node.id, ...own.flatMap((link) => [link.id, link.source.id, link.target.id])]));
      tell(text);
    };
    const name = nodeName(node);
    return svg(
      "g",
      { class: "flow-node", "data-id": node.id, "data-rank": node.rank, tabindex: "0", role: "img", "aria-label": text,
        vars: { paint: colour(node) }, onpointerenter: on, onpointerleave: leave, onfocus: on, onblur: leave },
      svg("rect", { x: node.x, y: node.y, width: NODE, height: node.height, rx: 3 }),
      label(node, name, format.value(node.value, unit)),
    );
  });
  const heads = layout.steps.map((step, index) =>
    svg("text", { class: "flow-head", x: (width / layout.steps.length) * index, y: -8 }, _("Step {number}", { number: step })),
  );
  const chart = svg(
    "svg",
    { class: "flow-chart", width, height: layout.height + HEAD + 6, viewBox: `0 ${-HEAD} ${width} ${layout.height + HEAD + 6}`,
      role: "group", "aria-label": answer.title },
    heads,
    ribbons,
    nodes,
  );
  place.replaceChildren(chart);
  for (const text of chart.querySelectorAll(".flow-name")) fit(text);
  leave();
}

function rank(name) {
  return ENDS.has(name) ? 2 : name === MERGED ? 1 : 0;
}

/** The event of a node as people read it. */
export function nodeName({ name }) {
  if (name === MERGED) return _("Other");
  if (name === "(end)") return _("End of the session");
  if (name === "(start)") return _("Start of the session");
  return stepName(name);
}

// Beside the node if it is tall enough for two lines, else one line.
function label(node, name, count) {
  const middle = node.y + node.height / 2;
  const x = node.x + NODE + 5;
  if (node.height < 26) {
    return svg("text", { class: "flow-name", x, y: middle + 4, "data-room": node.room }, `${name} `, svg("tspan", { class: "flow-count" }, count));
  }
  return [
    svg("text", { class: "flow-name", x, y: middle - 2, "data-room": node.room }, name),
    svg("text", { class: "flow-count", x, y: middle + 13 }, count),
  ];
}

// A name that is longer than its room loses its middle: the ends of two names differ most.
function fit(text) {
  const room = Number(text.dataset.room);
  const [first] = text.childNodes;
  const whole = first.nodeValue;
  for (let kept = whole.length - 1; kept > 6 && text.getComputedTextLength() > room; kept -= 1) {
    const head = Math.ceil(kept * 0.45);
    first.nodeValue = `${whole.slice(0, head).trimEnd()}…${whole.slice(whole.length - (kept - head))}`;
  }
}

function described(node, own, unit) {
  const part = (links, side) =>
    links
      .sort((a, b) => b.value - a.value)
      .map((link) => `${nodeName(link[side])} ${format.value(link.value, unit)}`)
      .join(", ");
  const came = part(own.filter((link) => link.target === node), "source");
  const goes = part(own.filter((link) => link.source === node), "target");
  const words = [_("Step {number}, {name}: {count}", { number: node.step, name: nodeName(node), count: format.value(node.value, unit) })];
  if (came) words.push(_("from {list}", { list: came }));
  if (goes) words.push(_("to {list}", { list: goes }));
  return words.join(" · ");
}
