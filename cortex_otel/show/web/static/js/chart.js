// Canvas charts: the library is loaded with the first one. Charts are redrawn on a change of theme or
// size. The library never gets markup: tooltips and legends are DOM elements of our own.
import { announce, h } from "./dom.js";
import { colour } from "./palette.js";

let library = null;
const drawn = new Map();
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) drawn.get(target)?.chart.resize();
});

/**
 * Draw what `option()` returns on `place`; when called again, update only what differs. `option` is a
 * function because colours are read when drawing, and again on a change of theme.
 */
export async function draw(place, option) {
  library ??= import("../vendor/echarts.js");
  const { init } = await library;
  if (!place.isConnected) return;
  let entry = drawn.get(place);
  if (!entry) {
    entry = { chart: init(place, null, { renderer: "canvas" }) };
    drawn.set(place, entry);
    resized.observe(place);
  }
  entry.option = option;
  const first = !entry.shape;
  apply(entry, first);
}

function apply(entry, animate) {
  const option = entry.option();
  // The same series as before are merged, so that only what changed is animated.
  const shape = JSON.stringify(option.series.map((series) => [series.type, series.name, series.id]));
  entry.chart.setOption(
    { ...base(), ...option, animation: !reducedMotion.matches && (animate || shape === entry.shape) },
    { notMerge: shape !== entry.shape },
  );
  entry.shape = shape;
}

/** Let the arrow keys move along the chart's `count` points; `say(index)` is announced for each. */
export function walk(place, count, say) {
  const entry = drawn.get(place);
  if (!entry) return;
  const first = !entry.walk;
  entry.walk = { count, say };
  if (!first) return;
  let at = -1;
  place.addEventListener("keydown", (event) => {
    const { count: length, say: text } = entry.walk;
    const to = { ArrowLeft: at < 0 ? length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: length - 1 }[
      event.key
    ];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    at = Math.min(length - 1, Math.max(0, to));
    // A series that is hidden or has no value there shows no tooltip: take the first that has one.
    const index = entry.chart.getOption().series.findIndex((series) => series.data[at] !== null);
    entry.chart.dispatchAction({ type: "showTip", seriesIndex: Math.max(0, index), dataIndex: at });
    announce(text(at));
  });
  place.addEventListener("blur", () => {
    at = -1;
    entry.chart.dispatchAction({ type: "hideTip" });
  });
}

/** Dispose of the charts inside `element`, which is about to be emptied. */
export function dispose(element) {
  for (const [place, { chart }] of drawn) {
    if (!element.contains(place)) continue;
    resized.unobserve(place);
    chart.dispose();
    drawn.delete(place);
  }
}

export function redrawAll() {
  for (const entry of drawn.values()) {
    entry.shape = "";
    apply(entry, false);
  }
}

function base() {
  return {
    animationDuration: 350,
    animationDurationUpdate: 250,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("text") },
  };
}

/** Options of a tooltip whose content is the element that `build(parameters)` returns. */
export function tooltip(build, extra = {}) {
  return {
    backgroundColor: colour("raised"),
    borderColor: colour("line-strong"),
    borderWidth: 1,
    padding: [8, 11],
    confine: true,
    transitionDuration: 0,
    ...extra,
    formatter: build,
  };
}

/** The content of a tooltip: a heading and rows of `{variable, name, value}`. */
export function tip(heading, rows, note = null) {
  return h(
    "div",
    { class: "tip" },
    h("b", {}, heading),
    rows.map(({ variable, name, value }) =>
      h(
        "div",
        {},
        variable && swatch(variable),
        h("span", { class: "name" }, name),
        h("span", { class: "value" }, value),
      ),
    ),
    note && h("em", {}, note),
  );
}

export function swatch(variable) {
  const element = h("i", { class: "swatch", "aria-hidden": "true" });
  element.style.background = `var(--${variable})`;
  return element;
}
