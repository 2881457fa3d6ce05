// The filter row: its values go to the URL, and changes of the URL are shown in it.
import * as address from "./address.js";
import { client } from "./client.js";
import * as controls from "./controls.js";

const TYPING_MS = 350;
const form = document.getElementById("filters");
const problemText = document.getElementById("filter-problem");
// The URL's value of each field, as the field shows it.
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
  // Apply what was typed before this script ran.
  timer = setTimeout(set, TYPING_MS, {}, { replace: true });
}

/** Show `message` next to the filter `field`; false if this page has no such filter. */
export function problem(field, message) {
  if (controls.problem(field, message)) return true;
  if (!form) return false;
  problemText.hidden = false;
  problemText.textContent = message;
  const input = form.elements[{ user_tier: "tier", time_zone: "tz" }[field] ?? field];
  if (input instanceof HTMLElement) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", problemText.id);
  }
  if (field === "from" || field === "to") openCustom(true);
  return true;
}

/** Add the services in `answer` to the filter's options: a new service needs only a name. */
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

/** Remove every filter but the range. */
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

// Put everything into the URL that was set or typed since the last sync, and `changes`, which take
// precedence. So a choice is applied together with text that is still being typed in another field.
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
  problemText.hidden = true;
  problemText.textContent = "";
  const free = Boolean(filters.from || filters.to);
  for (const input of fields()) {
    const wanted = filters[input.name] ?? "";
    if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === wanted))
      input.add(new Option(wanted, wanted));
    const value = input.type === "datetime-local" ? wanted.replace(" ", "T").slice(0, 16) : wanted;
    // Not while the reader is typing text that the URL does not have yet.
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
