// The row of filters: what is set in it goes to the URL, and what the URL says is set in it.
import * as address from "./address.js";
import { client } from "./client.js";

const TYPING_MS = 350;
const form = document.getElementById("filters");
const said = document.getElementById("filter-problem");
// What the URL says, as each field shows it.
const shown = new WeakMap();
let timer = 0;

export function start() {
  if (!form) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    set({});
  });
  for (const button of presets()) {
    button.addEventListener("click", () => set({ since: button.value, from: "", to: "" }));
  }
  for (const input of form.querySelectorAll("select, [name=tz]")) input.addEventListener("change", () => set({}));
  for (const input of form.querySelectorAll(".own input")) {
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(set, TYPING_MS, {}, { replace: true });
    });
  }
  form.elements.tz.addEventListener("focus", offerZones, { once: true });
  const toggle = document.getElementById("custom-button");
  toggle.addEventListener("click", () => openCustom(toggle.getAttribute("aria-expanded") !== "true", true));
  address.onChange(sync);
  sync(address.read());
  // What was typed before this script came.
  timer = setTimeout(set, TYPING_MS, {}, { replace: true });
}

/** Say beside the filter `field` what is wrong with it; false if there is no such filter here. */
export function problem(field, message) {
  if (!form) return false;
  said.hidden = false;
  said.textContent = message;
  const input = form.elements[{ user_tier: "tier", time_zone: "tz" }[field] ?? field];
  if (input instanceof HTMLElement) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", said.id);
  }
  if (field === "from" || field === "to") openCustom(true);
  return true;
}

/** Offer the services that an answer speaks of: a new one is a matter of its name. */
export function offer(answer) {
  const index = answer.columns.findIndex((column) => column.name === "service");
  if (index < 0 || !form) return;
  const { options } = form.elements.service;
  const known = new Set([...options].map((option) => option.value));
  for (const row of answer.rows) {
    const name = row[index];
    if (typeof name !== "string" || name === "" || known.has(name)) continue;
    known.add(name);
    form.elements.service.add(new Option(name, name));
  }
}

/** Take away every filter but the range. */
export function clear() {
  set(Object.fromEntries(["service", "tier", ...client.filters].map((name) => [name, ""])));
}

export function choosePreset(index) {
  const since = client.presets[index];
  if (since && form) set({ since, from: "", to: "" });
}

export function focusSearch() {
  const input = form?.querySelector(".own input") ?? form?.querySelector("select");
  input?.focus();
  return Boolean(input);
}

// Everything that was set or typed since the URL was shown, and `changes`, which count for more. A
// choice beside a field whose text is still on its way takes the text along.
function set(changes, how) {
  clearTimeout(timer);
  const entered = {};
  for (const input of fields()) {
    if (input.value !== shown.get(input)) entered[input.name] = input.value.trim();
  }
  if ("from" in entered || "to" in entered) entered.since = "";
  address.change({ ...entered, ...changes }, how);
}

function fields() {
  return form.querySelectorAll("select, input");
}

function presets() {
  return form.querySelectorAll(".presets button[value]");
}

function openCustom(open, focus = false) {
  document.getElementById("custom-button").setAttribute("aria-expanded", String(open));
  document.getElementById("custom").hidden = !open;
  if (open && focus) form.elements.from.focus();
}

function sync(filters) {
  said.hidden = true;
  said.textContent = "";
  const free = Boolean(filters.from || filters.to);
  for (const input of fields()) {
    const wanted = filters[input.name] ?? "";
    if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === wanted))
      input.add(new Option(wanted, wanted));
    const value = input.type === "datetime-local" ? wanted.replace(" ", "T").slice(0, 16) : wanted;
    // Not under the fingers of somebody who types what the URL doesn't have yet.
    const typing =
      document.activeElement === input &&
      input.tagName !== "SELECT" &&
      input.value.trim() !== (shown.get(input) ?? "");
    if (input.value !== value && !typing) input.value = value;
    shown.set(input, typing ? value : input.value);
    input.toggleAttribute("data-set", wanted !== "");
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  const since = free ? "" : (filters.since ?? client.default_since);
  for (const button of presets())
    button.setAttribute("aria-pressed", String(button.value === since));
  document.getElementById("custom-button").setAttribute("aria-pressed", String(free));
  if (free) openCustom(true);
}

function offerZones() {
  const list = document.getElementById("zones");
  for (const zone of Intl.supportedValuesOf?.("timeZone") ?? []) list.append(new Option(zone));
}
