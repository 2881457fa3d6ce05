// The legend above a chart, as buttons that hide series: unlike a legend on the canvas, it can be
// reached by keyboard and wraps on narrow screens.
import { swatch } from "../chart.js";
import { h } from "../dom.js";
import * as format from "../format.js";

const hiddenIn = new WeakMap();

/** Names of the series that the reader has hidden in `body`. */
export function hidden(body) {
  if (!hiddenIn.has(body)) hiddenIn.set(body, new Set());
  return hiddenIn.get(body);
}

/** Show `series` (`{name, variable}`, the colour's variable); `redraw` is called after a change. One alone needs none, unless its name is `needed`. */
export function legend(body, series, redraw, needed = false) {
  let list = body.querySelector(":scope > .legend");
  if (series.length < (needed ? 1 : 2)) {
    list?.remove();
    return;
  }
  const names = JSON.stringify(series);
  if (list?.dataset.names === names) return;
  list?.remove();
  const off = hidden(body);
  list = h(
    "ul",
    { class: "legend", "data-names": names },
    series.map(({ name, variable }) => {
      const button = h(
        "button",
        {
          type: "button",
          "aria-pressed": String(!off.has(name)),
          onclick: () => {
            if (!off.delete(name)) off.add(name);
            button.setAttribute("aria-pressed", String(!off.has(name)));
            redraw();
          },
        },
        swatch(variable),
        String(format.word(name)),
      );
      return h("li", {}, button);
    }),
  );
  body.prepend(list);
}
