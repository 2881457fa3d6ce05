// Links from a row to its errors, user or trace.
import { linkTo, read } from "./address.js";
import { client, N_, _ } from "./client.js";
import { h } from "./dom.js";

const TITLES = {
  errors: N_("Show its errors"),
  users: N_("Show this user"),
  user: N_("Show this user"),
  trace: N_("Show its trace"),
  mcp: N_("Show on the MCP page"),
  extension: N_("Show on the extension page"),
  overview: N_("Show on the overview"),
};
const FILTER = { user_tier: "tier", user_id_hash: "user", user_hash: "user", tool_name: "tool" };

/** `text` as a link if the panel has one for `column`, else as it is. */
export function linked(answer, column, raw, text) {
  const page = answer.links?.[column];
  if (!page || raw === null || raw === "") return text;
  return h("a", { href: target(page, column, String(raw)), title: _(TITLES[page]) }, text);
}

function target(page, column, raw) {
  if (page === "trace") return linkTo(`traces/${encodeURIComponent(raw)}`);
  const filter = FILTER[column] ?? column;
  if (filter === "user" && (page === "users" || page === "user"))
    return linkTo(`users/${encodeURIComponent(raw)}`);
  // On the same page it is added to the current filters.
  const own =
    page === client.page ? Object.entries(read()).filter(([name]) => client.filters.includes(name)) : [];
  return linkTo(page, { ...Object.fromEntries(own), [filter]: raw });
}
