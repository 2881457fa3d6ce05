// The steps of a funnel: chosen from what was recorded, moved with buttons, keys or by dragging; what
// is left out; and funnels saved by name. What is asked stands in the URL alone.
import { _ } from "./client.js";
import { announce, h } from "./dom.js";
import { stepName } from "./draw/funnel.js";
import * as saved from "./saved.js";
import { choice, know } from "./step_choice.js";

const MOST_STEPS = 6;
const BETWEEN = " > ";

let place;
let state;
// A row for a step that isn't chosen yet: it is in no URL.
let adding = false;

export function start(element, savedElement, controls) {
  place = element;
  state = controls;
  paint();
  saved.start(savedElement, controls);
}

/** The steps that can be chosen, as `{step, kind, events}`. */
export function offer(rows) {
  know(rows);
  paint();
}

/** The URL has changed. */
export function sync() {
  adding = false;
  paint();
  saved.sync();
}

const list = (name) => state.get(name).split(BETWEEN).filter(Boolean);

function change(name, values, said, focus) {
  adding = false;
  state.set({ [name]: values.join(BETWEEN) });
  paint();
  announce(said);
  if (focus) place.querySelector(focus)?.focus();
}

function paint() {
  if (place.querySelector("[data-dragged]")) return;
  const steps = list("steps");
  const excluded = list("exclude");
  const focused = document.activeElement?.dataset?.focus;
  const rows = steps.map((step, index) => row(steps, step, index));
  if (adding || !steps.length) rows.push(newRow(steps));
  place.replaceChildren(
    h("ol", { class: "step-list" }, rows),
    h(
      "div",
      { class: "step-more" },
      h(
        "button",
        {
          type: "button",
          class: "add",
          "data-focus": "add",
          disabled: adding || !steps.length || steps.length >= MOST_STEPS,
          title: steps.length >= MOST_STEPS ? _("A funnel has at most {count} steps", { count: MOST_STEPS }) : null,
          onclick: () => {
            adding = true;
            paint();
            place.querySelector("[data-focus=new]").focus();
          },
        },
        `+ ${_("Add a step")}`,
      ),
      h("span", { class: "without" }, excluded.length ? _("Without people who in between did") : ""),
      excluded.map((step) =>
        h(
          "span",
          { class: "chip" },
          stepName(step),
          h(
            "button",
            {
              type: "button",
              "aria-label": _("No longer exclude {step}", { step: stepName(step) }),
              onclick: () =>
                change(
                  "exclude",
                  excluded.filter((each) => each !== step),
                  _("{step} is no longer excluded", { step: stepName(step) }),
                  "[data-focus=exclude]",
                ),
            },
            "×",
          ),
        ),
      ),
      choice(
        "",
        _("Exclude an event"),
        (step) => change("exclude", [...excluded, step], _("{step} is excluded", { step: stepName(step) }), "[data-focus=exclude]"),
        { first: _("Exclude …"), focus: "exclude", without: [...steps, ...excluded], kinds: ["event_type", "feature"] },
      ),
    ),
  );
  if (focused) place.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function row(steps, step, index) {
  const number = index + 1;
  const name = stepName(step);
  const moved = (to) => {
    const others = steps.filter((_step, each) => each !== index);
    others.splice(to, 0, step);
    change("steps", others, _("{step} is now step {number}", { step: name, number: to + 1 }), `[data-focus="handle-${to}"]`);
  };
  const item = h(
    "li",
    {
      class: "step",
      ondragover: (event) => {
        if (place.querySelector("[data-dragged]")) event.preventDefault();
      },
      ondrop: (event) => {
        event.preventDefault();
        const from = place.querySelector("[data-dragged]");
        const at = from ? [...from.parentElement.children].indexOf(from) : -1;
        from?.removeAttribute("data-dragged");
        if (at < 0 || at === index) return;
        const others = steps.filter((_step, each) => each !== at);
        others.splice(index, 0, steps[at]);
        change("steps", others, _("{step} is now step {number}", { step: stepName(steps[at]), number }));
      },
    },
    h(
      "span",
      {
        class: "handle",
        draggable: "true",
        title: _("Drag to move"),
        "aria-hidden": "true",
        ondragstart: (event) => {
          event.dataTransfer.effectAllowed = "move";
          event.dataTransfer.setData("text/plain", step);
          item.setAttribute("data-dragged", "");
        },
        ondragend: () => item.removeAttribute("data-dragged"),
      },
      String(number),
    ),
    choice(
      step,
      _("Step {number}", { number }),
      (chosen) =>
        change(
          "steps",
          steps.map((each, at) => (at === index ? chosen : each)),
          _("Step {number} is {step}", { step: stepName(chosen), number }),
        ),
      { focus: `handle-${index}`, keys: (event) => byKey(event, index, steps.length, moved) },
    ),
    button("↑", _("Move {step} up", { step: name }), index === 0, () => moved(index - 1)),
    button("↓", _("Move {step} down", { step: name }), index === steps.length - 1, () => moved(index + 1)),
    button("×", _("Remove {step}", { step: name }), steps.length === 1, () =>
      change(
        "steps",
        steps.filter((_step, each) => each !== index),
        _("{step} is removed", { step: name }),
        `[data-focus="handle-${Math.max(0, index - 1)}"]`,
      ),
    ),
  );
  return item;
}

// Alt and an arrow move a step, as in editors; the arrows alone choose another one.
function byKey(event, index, count, moved) {
  const to = event.altKey && { ArrowUp: index - 1, ArrowDown: index + 1 }[event.key];
  if (to === undefined || to === false || to < 0 || to >= count) return;
  event.preventDefault();
  moved(to);
}

function newRow(steps) {
  const number = steps.length + 1;
  return h(
    "li",
    { class: "step" },
    h("span", { class: "handle", "aria-hidden": "true" }, String(number)),
    choice(
      "",
      _("Step {number}", { number }),
      (chosen) =>
        change("steps", [...steps, chosen], _("Step {number} is {step}", { step: stepName(chosen), number }), `[data-focus="handle-${steps.length}"]`),
      { first: _("Choose an event, a feature or a tier"), focus: "new" },
    ),
    steps.length > 0 &&
      button("×", _("Don't add a step"), false, () => {
        adding = false;
        paint();
        place.querySelector("[data-focus=add]").focus();
      }),
  );
}

function button(sign, label, disabled, onclick) {
  return h("button", { type: "button", class: "tool", "aria-label": label, title: label, disabled, onclick }, h("span", { "aria-hidden": "true" }, sign));
}
