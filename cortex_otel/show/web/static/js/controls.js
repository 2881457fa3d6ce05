// What only this page's questions take: a control each, with its value in the URL.
import * as address from "./address.js";
import { API, ask, client, _ } from "./client.js";
import { h } from "./dom.js";
import * as picker from "./picker.js";

const form = document.getElementById("controls");
const problemText = document.getElementById("control-problem");
const known = new Map(client.controls.map((each) => [each.name, each]));

export function start() {
  if (!form) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const input of inputs()) {
    input.addEventListener("change", () => set(input.name, input.value.trim()));
  }
  address.onChange(sync);
  const hasSteps = known.has("steps");
  if (hasSteps) picker.start(document.getElementById("steps"), document.getElementById("saved"), state());
  const wantsEvents = hasSteps || [...known.values()].some(({ kind }) => kind === "text");
  if (wantsEvents) offerSeen(hasSteps);
  if (known.has("flag") || [...known.values()].some(({ open }) => open.includes("variant:"))) offerFlags();
}

/** Show `message` beside the control `field`; false if this page has none. */
export function problem(field, message) {
  if (!form || (!known.has(field) && field !== null)) return false;
  problemText.hidden = false;
  problemText.textContent = message;
  const input = form.elements[field];
  if (input instanceof HTMLElement) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", problemText.id);
  }
  return true;
}

function inputs() {
  return form.querySelectorAll(".asked select, .asked input");
}

function set(name, value) {
  address.change({ [name]: value === known.get(name).default ? "" : value });
}

// What picker and saved funnels need: each control's value, and a way to set several at once.
function state() {
  return {
    get(name) {
      return address.read()[name] ?? known.get(name)?.default ?? "";
    },
    set(values) {
      address.change(
        Object.fromEntries(
          Object.entries(values)
            .filter(([name]) => known.has(name))
            .map(([name, value]) => [name, value === known.get(name).default ? "" : value]),
        ),
      );
    },
  };
}

function sync(filters) {
  problemText.hidden = true;
  problemText.textContent = "";
  for (const input of inputs()) {
    const value = filters[input.name] ?? known.get(input.name).default;
    if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === value))
      input.add(new Option(value, value));
    if (input.value !== value) input.value = value;
    input.toggleAttribute("data-set", value !== known.get(input.name).default);
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  if (known.has("steps")) picker.sync();
}

async function offerSeen(hasSteps) {
  const seen = await ask(`${API}/analytics/seen_steps`, { since: "90d", lang: client.language }).catch(() => null);
  const rows = seen?.rows ?? [];
  const events = rows.filter(({ kind }) => kind !== "tier");
  document.getElementById("seen").append(...events.map(({ step }) => new Option(step)));
  if (hasSteps) picker.offer(rows);
}

// Flags that somebody saw a variant of: what a breakdown or an experiment can be about.
async function offerFlags() {
  const found = await ask(`${API}/analytics/experiments`, { since: "90d", lang: client.language }).catch(() => null);
  const flags = [...new Set((found?.rows ?? []).map(({ flag }) => flag).filter(Boolean))];
  document.getElementById("flags").append(...flags.map((flag) => new Option(flag)));
  for (const { name, open } of known.values()) {
    if (!open.includes("variant:")) continue;
    const select = form.elements[name];
    const present = new Set([...select.options].map((option) => option.value));
    for (const flag of flags) {
      const value = `variant:${flag}`;
      if (!present.has(value)) select.add(h("option", { value }, _("Variant of {flag}", { flag })));
    }
  }
}
