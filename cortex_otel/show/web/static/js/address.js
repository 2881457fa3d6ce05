// The filters are kept in the URL only, so that a shared link shows what its sender saw.
import { client } from "./client.js";

export const COMMON = ["since", "from", "to", "service", "tier", "tz"];
const listeners = new Set();

export function read() {
  const controls = client.controls.map(({ name }) => name);
  const known = new Set([...COMMON, ...client.filters, ...controls, "lang", "compare"]);
  const filters = {};
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (known.has(name) && value !== "") filters[name] = value;
  }
  return filters;
}

/** Set or (with an empty value) remove filters, and notify the page's panels. */
export function change(changes, { replace = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  if (text === new URLSearchParams(location.search).toString()) return;
  const url = text ? `${location.pathname}?${text}` : location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  notify();
}

export function onChange(listener) {
  listeners.add(listener);
}

function notify() {
  keepLinks();
  for (const listener of listeners) listener(read());
}

/** The API parameters for the filters in the URL. */
export function forApi() {
  const { lang: _lang, ...filters } = read();
  if (filters.from || filters.to) delete filters.since;
  else filters.since ??= client.default_since;
  for (const side of ["from", "to"]) {
    // The value of an <input type="datetime-local"> has no seconds; the API accepts both.
    if (filters[side]) filters[side] = filters[side].replace(" ", "T");
  }
  if (client.page === "user") filters.user = client.subject;
  return { ...filters, lang: client.language };
}

/** Whether the displayed range ends now, and so moves with the clock. */
export function reachesNow() {
  return !read().to;
}

/** The URL of a page with the common filters of this one and `filters`. */
export function linkTo(path, filters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(read())) {
    if (COMMON.includes(name) || name === "lang") query.set(name, value);
  }
  for (const [name, value] of Object.entries(filters)) query.set(name, value);
  const text = query.toString();
  return `/admin/telemetry/${path}${text ? `?${text}` : ""}`;
}

/** Add the common filters to the links of the navigation. */
export function keepLinks() {
  for (const link of document.querySelectorAll("a[data-keep]")) {
    const path = new URL(link.href).pathname.replace("/admin/telemetry/", "");
    link.setAttribute("href", linkTo(path));
  }
}

export function start() {
  addEventListener("popstate", notify);
  keepLinks();
}
