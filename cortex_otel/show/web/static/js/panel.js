// One panel: asks its question by itself, and shows an answer, nothing, or what went wrong.
import * as address from "./address.js";
import { dispose } from "./chart.js";
import { API, ApiError, ask, client, maybe, t } from "./client.js";
import { announce, h, say } from "./dom.js";
import { cards } from "./draw/cards.js";
import { matrix } from "./draw/matrix.js";
import { overTime } from "./draw/over_time.js";
import { pie } from "./draw/pie.js";
import { ranking } from "./draw/ranking.js";
import { dataTable, table } from "./draw/table.js";
import * as filters from "./filters.js";
import * as format from "./format.js";
import * as notices from "./notices.js";

const DRAW = {
  cards, matrix, pie, ranking, table,
  lines: (body, answer) => overTime(body, answer, "line"),
  bars: (body, answer) => overTime(body, answer, "bar"),
};
// A live page asks again at most so often, and less often where an answer takes its time.
const REST_MS = 700;
const REST_PER_ELAPSED = 8;
// No server, or no store: the same for every panel, and worth another try by itself.
const OF_ALL = new Set([0, 503]);
const AGAIN_MS = 4000;

function withFurther(answer, further) {
  if (!further.length) return answer;
  const first = new Set(answer.rows.map((row) => JSON.stringify(row)));
  return { ...answer, rows: [...answer.rows, ...further.filter((row) => !first.has(JSON.stringify(row)))] };
}

function nameOf(filter) {
  return maybe(`filter_${filter}`, t(filter === "user_tier" ? "tier" : filter));
}

export class Panel {
  #element; #config; #body; #drawn = ""; #answer = null; #abort = null; #restUntil = 0; #timer = 0; #retry = 0; #loading = false; #again = false; #further = [];

  constructor(element, config) {
    this.#element = element;
    this.#config = config;
    this.#body = element.querySelector("[data-body]");
    this.#tools();
  }

  /** Ask and show; `quiet` if it was not the reader who wanted it. */
  async load({ quiet = false } = {}) {
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#timer = 0;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#loading = true;
    if (!quiet) {
      this.#waiting();
      this.#further = [];
    }
    this.#exports();
    try {
      const answer = await ask(`${API}/panels/${client.page}/${this.#config.id}`, this.#parameters(), abort.signal);
      if (this.#abort !== abort) return;
      notices.clear();
      this.#restUntil = performance.now() + Math.max(REST_MS, answer.elapsed_ms * REST_PER_ELAPSED);
      await this.#show(answer);
    } catch (error) {
      if (error.name === "AbortError" || this.#abort !== abort) return;
      this.#restUntil = performance.now() + REST_MS * 4;
      this.#failed(error, quiet);
    }
    this.#loading = false;
    if (this.#again) {
      this.#again = false;
      this.changed();
    }
  }

  /** The store changed: ask again if the range reaches now, as soon as the rest is over. */
  changed() {
    if (!this.#config.since && !address.reachesNow()) return;
    if (this.#loading) {
      this.#again = true;
      return;
    }
    if (this.#timer) return;
    this.#timer = setTimeout(() => this.load({ quiet: true }), Math.max(0, this.#restUntil - performance.now()));
  }

  /** Show or hide the numbers of a chart as a table. */
  toggleTable(open = !this.#element.hasAttribute("data-table-open")) {
    const button = this.#element.querySelector("button[data-table]");
    if (!button) return;
    this.#element.toggleAttribute("data-table-open", open);
    button.setAttribute("aria-pressed", String(open));
    if (this.#answer?.rows.length) dataTable(this.#body, this.#answer);
  }

  get tableOpen() {
    return this.#element.hasAttribute("data-table-open");
  }

  #parameters() {
    const parameters = address.forApi();
    if (this.#config.draw === "cards") parameters.compare ??= "1";
    return parameters;
  }

  #waiting() {
    this.#body.setAttribute("aria-busy", "true");
    this.#element.toggleAttribute("data-stale", true);
  }

  async #show(answer) {
    this.#answer = answer;
    this.#body.setAttribute("aria-busy", "false");
    this.#element.removeAttribute("data-stale");
    if (!this.#config.since) notices.showRange(answer.range);
    filters.offer(answer);
    const seen = JSON.stringify([answer.columns, answer.rows, answer.previous?.rows, answer.empty, answer.target]);
    if (seen !== this.#drawn) {
      this.#drawn = seen;
      this.#element.querySelector("[data-about-text]").textContent = answer.about;
      if (answer.rows.length === 0 || answer.empty) this.#empty(answer);
      else {
        if (this.#body.querySelector(":scope > .state, :scope > .skeleton")) this.#body.replaceChildren();
        await DRAW[answer.draw](this.#body, withFurther(answer, this.#further));
      }
    }
    if (!this.#further.length) this.#offerMore(answer.next);
    this.#marks(answer);
  }

  // Rows beyond the first page stay where they are while news comes in above them.
  #offerMore(cursor) {
    this.#element.querySelector(".more")?.remove();
    if (!cursor) return;
    const button = h("button", { type: "button", onclick: () => this.#more(cursor, button) }, t("more"));
    this.#body.after(h("div", { class: "more" }, button));
  }

  async #more(cursor, button) {
    button.disabled = true;
    try {
      const page = await ask(`${API}/panels/${client.page}/${this.#config.id}`, { ...this.#parameters(), cursor });
      this.#further.push(...page.rows);
      await DRAW[page.draw](this.#body, withFurther(this.#answer, this.#further));
      this.#offerMore(page.next);
      announce(t("more_rows", { count: format.number(page.rows.length) }));
    } catch (error) {
      button.disabled = false;
      announce(error.message);
      button.textContent = `${t("retry")}: ${error.message}`;
    }
  }

  #marks(answer) {
    const mark = this.#element.querySelector("[data-mark]");
    mark.hidden = !answer.incomplete;
    say(mark, t("incomplete"));
    mark.title = answer.incomplete ?? "";
    const foot = this.#element.querySelector("[data-foot]");
    const words = [];
    if (this.#config.since) words.push(t("own_range", { range: format.range(answer.range) }));
    if (answer.truncated && !answer.next) words.push(t("truncated", { count: format.number(answer.rows.length) }));
    if (answer.unfiltered?.length) words.push(t("unfiltered", { filters: answer.unfiltered.map(nameOf).join(", ") }));
    foot.hidden = words.length === 0;
    say(foot, words.join(" · "));
  }

  #empty(answer) {
    const { message = t("empty"), hint = "", reason = "" } = answer.empty ?? {};
    this.#state("empty", message, hint || this.#config.empty, null, reason);
  }

  #failed(error, quiet) {
    const known = error instanceof ApiError ? error : new ApiError(-1, { code: "display", message: t("error_display") });
    if (known !== error) console.error(error);
    this.#body.setAttribute("aria-busy", "false");
    this.#element.removeAttribute("data-stale");
    const ofFilter = known.field && filters.problem(known.field, known.message);
    // What was there is better than nothing while a server restarts.
    const keeps = quiet && this.#answer && known.status !== 400;
    if (known.status === 401) notices.signedOut(known.message);
    else if (OF_ALL.has(known.status)) {
      notices.notice(known.code, known.message, known.hint);
      this.#retry = setTimeout(() => this.load({ quiet: true }), AGAIN_MS);
    }
    if (keeps) return;
    this.#drawn = "";
    this.#answer = null;
    this.#element.querySelector("[data-mark]").hidden = true;
    this.#element.querySelector("[data-foot]").hidden = true;
    this.#offerMore(null);
    // What is wrong with a filter, or with the store, is said aloud once; the panels only wait.
    if (ofFilter || known.status === 401 || OF_ALL.has(known.status)) {
      this.#state("waits", "", t(ofFilter ? "see_filters" : "see_above"), null, known.code);
      return;
    }
    this.#state("error", known.message, known.hint, () => this.load(), known.code);
    announce(`${this.#config.title}: ${known.message}`);
  }

  #state(kind, message, hint, retry, reason) {
    dispose(this.#body);
    this.#body.replaceChildren(h("div", { class: "state", "data-kind": kind, "data-reason": reason || null },
      message && h("strong", {}, message),
      hint && h("p", {}, hint),
      retry && h("button", { type: "button", class: "quiet", onclick: retry }, t("retry"))));
  }

  #tools() {
    const about = this.#element.querySelector("button[data-about]");
    about.addEventListener("click", () => {
      const text = this.#element.querySelector("[data-about-text]");
      text.hidden = !text.hidden;
      about.setAttribute("aria-expanded", String(!text.hidden));
    });
    this.#element.querySelector("button[data-table]")?.addEventListener("click", () => this.toggleTable());
  }

  #exports() {
    for (const link of this.#element.querySelectorAll("a[data-export]")) {
      const { compare: _compare, ...parameters } = this.#parameters();
      const query = new URLSearchParams({ page: client.page, panel: this.#config.id, ...parameters });
      link.href = `${API}/export/${link.dataset.export}?${query}`;
    }
  }
}
