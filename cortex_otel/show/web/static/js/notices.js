// Notices for the whole page: its range, being signed out.
import { _ } from "./client.js";
import { h, say } from "./dom.js";
import * as format from "./format.js";

const place = document.getElementById("notices");
const range = document.getElementById("range");

export function showRange(timeRange) {
  say(range, format.range(timeRange));
  const zone = document.querySelector("input[name=tz]");
  if (zone && !zone.value) zone.placeholder = timeRange.time_zone;
}

export function signedOut(message) {
  notice("signed_out", message, _("Open the address that cortex-otel serve printed again."));
}

/** Show a notice at the top of the page, once per `code`; the server may have rendered it already. */
export function notice(code, message, hint = "") {
  if (find(code)) return;
  place.append(
    h(
      "div",
      { class: "notice", "data-kind": "error", "data-code": code, role: "alert" },
      h("strong", {}, message),
      hint && h("p", {}, hint),
    ),
  );
}

/** Remove all notices. */
export function clear() {
  for (const element of document.querySelectorAll(".notice[data-code]")) element.remove();
}

function find(code) {
  return document.querySelector(`.notice[data-code="${CSS.escape(code)}"]`);
}
