// The frame of a panel: marks and tools around the drawing, and messages in place of one.
import { dispose } from "./chart.js";
import { API, client, N_, _ } from "./client.js";
import { h, say } from "./dom.js";
import * as format from "./format.js";

export class Frame {
  #element;
  #config;

  constructor(element, config) {
    this.#element = element;
    this.#config = config;
    this.body = element.querySelector("[data-body]");
    const about = element.querySelector("button[data-about]");
    about.addEventListener("click", () => {
      const text = element.querySelector("[data-about-text]");
      text.hidden = !text.hidden;
      about.setAttribute("aria-expanded", String(!text.hidden));
    });
  }

  /** Mark the content as stale while the reader waits for an answer. */
  waits() {
    this.body.setAttribute("aria-busy", "true");
    this.#element.toggleAttribute("data-stale", true);
  }

  /** The answer has arrived, or the request has failed. */
  ready() {
    this.body.setAttribute("aria-busy", "false");
    this.#element.removeAttribute("data-stale");
  }

  /** Remove a message or skeleton to make room for a drawing. */
  makeRoom() {
    if (this.body.querySelector(":scope > .state, :scope > .skeleton")) this.body.replaceChildren();
  }

  /** Show next to the drawing what is needed to read `answer`: description, limits, range. */
  marks(answer) {
    say(this.#element.querySelector("[data-about-text]"), answer.about);
    const mark = this.#element.querySelector("[data-mark]");
    // Cards have no heading that the mark could stand beside: below them it is said in full.
    const isCards = answer.draw === "cards";
    mark.hidden = !answer.incomplete || isCards;
    say(mark, _("incomplete"));
    mark.title = answer.incomplete ?? "";
    const words = [];
    const isEmpty = Boolean(answer.empty) || !answer.rows.length;
    if (this.#config.note && !isEmpty) words.push(this.#config.note);
    if (answer.incomplete && isCards && !isEmpty) words.push(answer.incomplete);
    // A sentence says itself what time it is about.
    if (this.#config.since && answer.draw !== "sentence") words.push(_("Its own range: {range}", { range: format.range(answer.range) }));
    if (answer.truncated && !answer.next) {
      // A ranking adds up rows of the same name.
      const shown = answer.draw === "ranking" ? this.body.querySelectorAll("tbody tr").length : answer.rows.length;
      const count = format.number(shown);
      words.push(_("The first {count} rows; the export has more", { count }));
    }
    if (answer.kept) words.push(answer.kept);
    if (answer.sampled) words.push(answer.sampled);
    const sampled = answer.columns.findIndex(({ name }) => name === "sampled");
    if (sampled >= 0 && answer.rows.some((row) => row[sampled])) {
      words.push(_("Events of these kinds are sampled: who did what was left out isn't counted"));
    }
    if (answer.unfiltered?.length) {
      words.push(_("Not filtered by: {filters}", { filters: answer.unfiltered.map(nameOf).join(", ") }));
    }
    const foot = this.#element.querySelector("[data-foot]");
    foot.hidden = words.length === 0;
    say(foot, words.join(" · "));
  }

  /** Show below the drawing that it is out of date, and why; nothing if `text` is empty. */
  late(text) {
    const place = this.#element.querySelector("[data-late]");
    place.hidden = !text;
    say(place, text);
  }

  /** In place of a drawing: why there is none, and an action (`[label, callback]`). */
  state(kind, message, hint, action, reason) {
    dispose(this.body);
    if (kind !== "empty") {
      this.#element.querySelector("[data-mark]").hidden = true;
      this.#element.querySelector("[data-foot]").hidden = true;
    }
    this.body.replaceChildren(
      h(
        "div",
        { class: "state", "data-kind": kind, "data-reason": reason || null },
        message && h("strong", {}, message),
        hint && h("p", {}, hint),
        action && h("button", { type: "button", class: "quiet", onclick: () => action[1]() }, action[0]),
      ),
    );
  }

  /** A button below the rows that calls `go(button)`; none if `go` is null. */
  offerMore(go) {
    this.#element.querySelector(".more")?.remove();
    if (!go) return;
    const button = h("button", { type: "button", onclick: () => go(button) }, _("Show more"));
    this.body.after(h("div", { class: "more" }, button));
  }

  /** Let the export links request what the panel requests. */
  exports(parameters) {
    const { compare: _compare, ...rest } = parameters;
    const query = new URLSearchParams({ page: client.page, panel: this.#config.id, ...rest });
    for (const link of this.#element.querySelectorAll("a[data-export]")) {
      link.href = `${API}/export/${link.dataset.export}?${query}`;
    }
  }
}

const FILTERS = new Map([
  ["user_tier", N_("Tier")],
  ["service", N_("Service")],
  ["user", N_("User")],
  ["event_type", N_("Event type")],
  ["error_type", N_("Error type")],
  ["tool", N_("Tool")],
  ["q", N_("Search")],
]);

function nameOf(filter) {
  return FILTERS.has(filter) ? _(FILTERS.get(filter)) : filter;
}
