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
  for (const { name, open } of known.values()) if (open.includes("variant:")) offerVariants(name);
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
  const { since = "90d" } = {};
  const seen = await ask(`${API}/analytics/seen_steps`, { since, lang: client.language }).catch(() => null);
  const rows = seen?.rows ?? [];
  const list = document.getElementById("seen");
  list.append(...rows.filter(({ kind }) => kind !== "tier").map(({ step }) => new Option(step)));
  if (hasSteps) picker.offer(rows);
}

// Flags that somebody saw a variant of, as further choices of a breakdown.
async function offerVariants(name) {
  const found = await ask(`${API}/analytics/experiments`, { since: "90d", lang: client.language }).catch(() => null);
  const select = form.elements[name];
  const present = new Set([...select.options].map((option) => option.value));
  for (const { flag } of found?.rows ?? []) {
    const value = `variant:${flag}`;
    if (flag && !present.has(value)) select.add(h("option", { value }, _("Variant of {flag}", { flag })));
  }
}
