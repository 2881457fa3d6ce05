// One panel: requests its data, and shows it, an empty state or an error.
import * as address from "./address.js";
import { API, ask, client, _, ngettext, presentable } from "./client.js";
import { announce } from "./dom.js";
import { DRAW } from "./draw/index.js";
import { dataTable } from "./draw/table.js";
import * as filters from "./filters.js";
import * as format from "./format.js";
import { Frame } from "./frame.js";
import { isPaused } from "./live.js";
import * as notices from "./notices.js";

// Shortest pause between two requests of a live page; longer if the answer takes long.
const REST_MS = 700;
const REST_PER_ELAPSED = 8;
// No server, or no store: concerns every panel, and is retried automatically.
const CONCERNS_ALL = new Set([0, 503]);
const RETRY_ALL_MS = 4000;
// A failure of a single panel may be an expensive query, so it is retried less often.
const RETRY_ONE_MS = 15_000;

function withFurther(answer, further) {
  if (!further.length) return answer;
  const first = new Set(answer.rows.map((row) => JSON.stringify(row)));
  return { ...answer, rows: [...answer.rows, ...further.filter((row) => !first.has(JSON.stringify(row)))] };
}

export class Panel {
  #element;
  #config;
  #frame;
  #drawn = "";
  #answer = null;
  #abort = null;
  #restUntil = 0;
  #timer = 0;
  #retry = 0;
  #loading = false;
  #again = false;
  #late = false;
  #further = [];

  constructor(element, config) {
    this.#element = element;
    this.#config = config;
    this.#frame = new Frame(element, config);
    const button = element.querySelector("button[data-table]");
    button?.addEventListener("click", () => this.toggleTable());
  }

  /** Request and show the data; `quiet` if the reader didn't ask for it. */
  async load({ quiet = false } = {}) {
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#timer = 0;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#loading = true;
    if (!quiet) {
      this.#frame.waits();
      this.#further = [];
    }
    this.#frame.exports(this.#parameters());
    try {
      const answer = await ask(
        `${API}/panels/${client.page}/${this.#config.id}`,
        this.#parameters(),
        abort.signal,
      );
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

  /** The store has changed: load again if the range ends now, after the pause. */
  changed() {
    if (!this.#config.since && !address.reachesNow()) return;
    if (this.#loading) {
      this.#again = true;
      return;
    }
    if (this.#timer) return;
    this.#timer = setTimeout(
      () => this.load({ quiet: true }),
      Math.max(0, this.#restUntil - performance.now()),
    );
  }

  /** Show or hide the numbers of a chart as a table. */
  toggleTable(open = !this.#element.hasAttribute("data-table-open")) {
    const button = this.#element.querySelector("button[data-table]");
    if (!button) return;
    this.#element.toggleAttribute("data-table-open", open);
    button.setAttribute("aria-pressed", String(open));
    if (this.#answer?.rows.length) dataTable(this.#frame.body, this.#answer);
  }

  get tableOpen() {
    return this.#element.hasAttribute("data-table-open");
  }

  #parameters() {
    const parameters = address.forApi();
    if (this.#config.draw === "cards") parameters.compare ??= "1";
    return parameters;
  }

  async #show(answer) {
    this.#answer = answer;
    this.#frame.ready();
    this.#upToDate();
    if (!this.#config.since) notices.showRange(answer.range);
    filters.offer(answer);
    const seen = JSON.stringify([
      answer.columns,
      answer.rows,
      answer.previous?.rows,
      answer.empty,
      answer.target,
      answer.trend?.rows,
    ]);
    if (seen !== this.#drawn) {
      this.#drawn = seen;
      if (answer.rows.length === 0 || answer.empty) this.#empty(answer);
      else {
        this.#frame.makeRoom();
        await DRAW[answer.draw](this.#frame.body, withFurther(answer, this.#further));
      }
    }
    if (!this.#further.length) this.#offerMore(answer.next);
    this.#frame.marks(answer);
  }

  // Rows of further pages stay in place while new ones appear above them.
  #offerMore(cursor) {
    this.#frame.offerMore(cursor ? (button) => this.#more(cursor, button) : null);
  }

  async #more(cursor, button) {
    button.disabled = true;
    try {
      const page = await ask(`${API}/panels/${client.page}/${this.#config.id}`, {
        ...this.#parameters(),
        cursor,
      });
      this.#further.push(...page.rows);
      await DRAW[page.draw](this.#frame.body, withFurther(this.#answer, this.#further));
      this.#offerMore(page.next);
      const count = page.rows.length;
      announce(ngettext("{count} more row", "{count} more rows", count, { count: format.number(count) }));
    } catch (error) {
      button.disabled = false;
      announce(error.message);
      button.textContent = `${_("Try again")}: ${error.message}`;
    }
  }

  #empty(answer) {
    const { message = _("Nothing was recorded in this range"), hint = "", reason = "" } = answer.empty ?? {};
    const clear = reason === "empty_filtered" ? [_("Clear the filters"), filters.clear] : null;
    this.#frame.state("empty", message, hint || (message === this.#config.empty ? "" : this.#config.empty), clear, reason);
  }

  // Nothing is requested while the page is hidden or live updates are paused.
  #later(ms) {
    const rests = () => document.hidden || (this.#answer && isPaused());
    this.#retry = setTimeout(() => (rests() ? this.#later(ms) : this.load({ quiet: true })), ms);
  }

  // Announced once, and not at all if a notice covers all panels of the page.
  #outOfDate(known) {
    const text = _("As of {time}; could not be refreshed: {reason}", {
      time: format.clockTime(this.#answer.range.to),
      reason: known.message,
    });
    if (!this.#late && known.status !== 401 && !CONCERNS_ALL.has(known.status)) {
      announce(`${this.#config.title}: ${text}`);
    }
    this.#late = true;
    this.#frame.late(text);
  }

  #upToDate() {
    this.#late = false;
    this.#frame.late("");
  }

  #failed(error, quiet) {
    const known = presentable(error);
    this.#frame.ready();
    const ofFilter = known.field && filters.problem(known.field, known.message);
    // Old data is better than none while a server restarts.
    const keeps = quiet && this.#answer && known.status !== 400;
    if (known.status === 401) notices.signedOut(known.message);
    else if (CONCERNS_ALL.has(known.status)) {
      notices.notice(known.code, known.message, known.hint);
      this.#later(RETRY_ALL_MS);
    }
    if (keeps) {
      if (known.status !== 401 && !CONCERNS_ALL.has(known.status)) this.#later(RETRY_ONE_MS);
      this.#outOfDate(known);
      return;
    }
    this.#upToDate();
    this.#drawn = "";
    this.#answer = null;
    this.#offerMore(null);
    // A problem with a filter or the store is announced once, not by every panel.
    if (ofFilter || known.status === 401 || CONCERNS_ALL.has(known.status)) {
      const what = ofFilter
        ? _("Check the filters above first")
        : _("Shown as soon as the data can be read");
      this.#frame.state("waits", "", what, null, known.code);
      return;
    }
    this.#frame.state("error", known.message, known.hint, [_("Try again"), () => this.load()], known.code);
    announce(`${this.#config.title}: ${known.message}`);
  }
}
