// The waterfall of a trace: who called whom, when, and for how long.
import { API, ApiError, ask, client, t } from "./client.js";
import { h } from "./dom.js";
import * as format from "./format.js";

const TICKS = 5;
const HIDDEN = new Set(["id", "depth", "children"]);

export class Trace {
  #place; #id; #seen = "";

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
      const known = error instanceof ApiError ? error : new ApiError(0, { message: t("error_display") });
      if (known !== error) console.error(error);
      this.#place.replaceChildren(h("div", { class: "state", "data-kind": "error", "data-reason": known.code }, h("strong", {}, known.message), known.hint && h("p", {}, known.hint)));
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
