// What concerns the page as a whole: its range, being signed out.
import { t } from "./client.js";
import { h, say } from "./dom.js";
import * as format from "./format.js";

const place = document.getElementById("notices");
const range = document.getElementById("range");

export function showRange(of) {
  say(range, format.range(of));
  const zone = document.querySelector("input[name=tz]");
  if (zone && !zone.value) zone.placeholder = of.time_zone;
}

export function signedOut(message) {
  notice("signed-out", "error", message, t("signed_out_hint"));
}

/** A notice at the top of the page, once under each `id`. */
export function notice(id, kind, message, hint = "") {
  if (document.getElementById(`notice-${id}`)) return;
  place.append(h("div", { class: "notice", "data-kind": kind, id: `notice-${id}`, role: "alert" }, h("strong", {}, message), hint && h("p", {}, hint)));
}

export function clear(id) {
  document.getElementById(`notice-${id}`)?.remove();
}
