// The filters live in the URL and nowhere else: a link shows what its sender saw.
import { client } from "./client.js";

export const COMMON = ["since", "from", "to", "service", "tier", "tz"];
const listeners = new Set();

export function read() {
  const known = new Set([...COMMON, ...client.filters, "lang", "compare"]);
  const filters = {};
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (known.has(name) && value !== "") filters[name] = value;
  }
  return filters;
}

/** Set or (with an empty value) remove filters; the page's panels hear of it. */
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
  tell();
}

export function onChange(listener) {
  listeners.add(listener);
}

function tell() {
  keepLinks();
  for (const listener of listeners) listener(read());
}

/** Parameters of the API for what the URL says. */
export function forApi() {
  const { lang: _lang, ...filters } = read();
  if (filters.from || filters.to) delete filters.since;
  else filters.since ??= client.default_since;
  for (const side of ["from", "to"]) {
    // What an <input type="datetime-local"> gives has no seconds; the API takes either.
    if (filters[side]) filters[side] = filters[side].replace(" ", "T");
  }
  if (client.page === "user") filters.user = client.subject;
  return { ...filters, lang: client.language };
}

/** Whether the range that is shown moves with the clock. */
export function reachesNow() {
  return !read().to;
}

/** The URL of a page with the common filters of this one, and `filters` of its own. */
export function linkTo(path, filters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(read())) {
    if (COMMON.includes(name) || name === "lang") query.set(name, value);
  }
  for (const [name, value] of Object.entries(filters)) query.set(name, value);
  const text = query.toString();
  return `/admin/telemetry/${path}${text ? `?${text}` : ""}`;
}

/** Links of the navigation carry the common filters along. */
export function keepLinks() {
  for (const link of document.querySelectorAll("a[data-keep]")) {
    const path = new URL(link.href).pathname.replace("/admin/telemetry/", "");
    link.setAttribute("href", linkTo(path));
  }
}

export function start() {
  addEventListener("popstate", tell);
  keepLinks();
}
