// One list to choose a step from: what was recorded, by kind.
import { N_, _ } from "./client.js";
import { h } from "./dom.js";
import { stepName } from "./draw/funnel.js";

const REST_MS = 700;
const GROUPS = [
  ["event_type", N_("Event types")],
  ["feature", N_("Features")],
  ["tier", N_("Tiers")],
];

let seen = [];

/** The steps that can be chosen from now on, as `{step, kind, events}`. */
export function know(rows) {
  seen = rows;
}

export function choice(value, label, onChoice, { first = "", focus = "", without = [], kinds = GROUPS.map(([kind]) => kind), keys = null }) {
  const left = new Set(without);
  const rows = seen.filter(({ step }) => !left.has(step));
  let timer = 0;
  let byKeyboard = false;
  const choose = () => {
    clearTimeout(timer);
    timer = 0;
    if (select.value && select.value !== value) onChoice(select.value);
  };
  const rest = () => {
    clearTimeout(timer);
    timer = setTimeout(choose, REST_MS);
  };
  const select = h(
    "select",
    {
      "aria-label": label,
      "data-focus": focus || null,
      onpointerdown: () => {
        byKeyboard = false;
      },
      onkeydown: (event) => {
        byKeyboard = true;
        keys?.(event);
        if (!timer) return;
        if (event.key !== "Enter") rest(); // a key that changes nothing is still typing
        else {
          event.preventDefault();
          choose();
        }
      },
      // Arrows and letters pass over other steps on their way: only where they rest is meant.
      onchange: () => {
        if (byKeyboard) rest();
        else choose();
      },
      onblur: () => timer && choose(),
    },
    first && h("option", { value: "" }, first),
    value && !rows.some(({ step }) => step === value) && h("option", { value }, stepName(value)),
    GROUPS.filter(([kind]) => kinds.includes(kind)).map(([kind, title]) => {
      const options = rows.filter((each) => each.kind === kind).map(({ step }) => h("option", { value: step }, stepName(step)));
      return options.length ? h("optgroup", { label: _(title) }, options) : null;
    }),
  );
  select.value = value;
  return select;
}
