// The waterfall view of a trace: calls, their start and duration.
import { API, ask, client, _, ngettext, presentable } from "./client.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { linkTo } from "./address.js";
import { nested, starts } from "./spans.js";

const TICKS = 5;

export class Trace {
  #place;
  #id;
  #seen = "";

  constructor(place, id) {
    this.#place = place;
    this.#id = id;
  }

  async load() {
    try {
      const answer = await ask(`${API}/traces/${encodeURIComponent(this.#id)}`, { lang: client.language });
      const seen = JSON.stringify(answer.spans);
      if (seen !== this.#seen) this.#place.replaceChildren(drawn(answer));
      this.#seen = seen;
    } catch (error) {
      const known = presentable(error);
      this.#place.replaceChildren(
        h(
          "div",
          { class: "state", "data-kind": "error", "data-reason": known.code },
          h("strong", {}, known.message),
          known.hint && h("p", {}, known.hint),
        ),
      );
    }
    this.#place.setAttribute("aria-busy", "false");
  }

  changed() {
    this.load();
  }

  toggleTable() {}

  get tableOpen() {
    return false;
  }
}

function drawn({ spans }) {
  const rows = nested(spans);
  const begin = Math.min(...rows.map(({ span }) => starts(span)));
  const end = Math.max(...rows.map(({ span }) => starts(span) + (span.duration_ms ?? 0)));
  const total = end - begin || 1;
  document.getElementById("range").textContent = ngettext(
    "{count} span in {duration}",
    "{count} spans in {duration}",
    rows.length,
    { count: format.number(rows.length), duration: format.value(end - begin, "ms") },
  );
  const ticks = Array.from({ length: TICKS }, (_, index) =>
    h("span", {}, format.value((total * index) / (TICKS - 1), "ms")),
  );
  return h(
    "div",
    { class: "waterfall" },
    h(
      "div",
      { class: "head", "aria-hidden": "true" },
      h("span", {}, _("Span")),
      h("span", { class: "ticks" }, ticks),
      h("span", { class: "span-time" }, _("Duration")),
    ),
    rows.map((row) => line(row, begin, total)),
  );
}

function line({ span, depth }, begin, total) {
  const facts = h("dl", { class: "span-facts", hidden: true });
  const instant = span.duration_ms === null || span.duration_ms === undefined;
  const took = instant ? _("event") : format.value(span.duration_ms, "ms");
  const bar = h("i", {
    "data-result": span.result ?? null,
    "data-instant": instant,
    vars: {
      start: ((starts(span) - begin) / total).toFixed(5),
      length: ((span.duration_ms ?? 0) / total).toFixed(5),
    },
  });
  const button = h(
    "button",
    {
      type: "button",
      class: "span-row",
      "aria-expanded": "false",
      onclick: () => {
        if (!facts.childElementCount) facts.append(...about(span));
        facts.hidden = !facts.hidden;
        button.setAttribute("aria-expanded", String(!facts.hidden));
      },
    },
    h(
      "span",
      { class: "span-name", vars: { depth } },
      span.name || span.tool_name || span.event_type,
      h("small", {}, span.service),
      span.result && span.result !== "success"
        ? h("span", { class: "sr-only" }, ` ${format.word(span.result)}`)
        : null,
    ),
    h("span", { class: "track", "aria-hidden": "true" }, bar),
    h("span", { class: "span-time" }, took),
  );
  return h("div", {}, button, facts);
}

function about(span) {
  return Object.entries(span)
    .filter(
      ([, value]) =>
        value !== null && value !== "" && !(typeof value === "object" && Object.keys(value).length === 0),
    )
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, shown(name, value))]);
}

function shown(name, value) {
  if (typeof value === "object") return h("code", {}, JSON.stringify(value, null, 1));
  if (name === "user_id_hash") return h("a", { href: linkTo(`users/${encodeURIComponent(value)}`) }, value);
  return String(name === "duration_ms" ? format.value(value, "ms") : value);
}
