// What fires: a line on the overview. Thresholds: a form on the page of jobs and alerts.
import { linkTo } from "./address.js";
import { API, ask, client, ngettext, N_, presentable, send, _ } from "./client.js";
import { announce, h } from "./dom.js";
import * as format from "./format.js";
import { isPaused } from "./live.js";

const PATH = `${API}/alerts`;
// The store changes four times a second, alerts don't.
const REST_MS = 2000;
const RULES = ["error_rate", "response_time", "service_down", "store", "job", "disk"];
const FIELDS = [
  { key: "error_rate", title: N_("Error rate above, %"), min: 0.1, max: 100, scale: 100 },
  { key: "response_ms", title: N_("Average response above, ms"), min: 1, max: 3_600_000 },
  { key: "window_minutes", title: N_("Of the last, minutes"), min: 1, max: 60 },
  { key: "min_events", title: N_("Only with at least this many events"), min: 1, max: 1_000_000 },
  { key: "disk_free_mb", title: N_("Disk: less free than, MB"), min: 1, max: 10_000_000 },
];

const form = document.getElementById("alert-rules");
const isAsked = form !== null || client.page === "overview";
let answer = null;
let message = "";
let timer = 0;

export function start() {
  if (isAsked) load();
}

/** The store has changed. */
export function changed() {
  if (!isAsked || timer) return;
  timer = setTimeout(() => {
    timer = 0;
    if (!document.hidden && !isPaused()) load();
  }, REST_MS);
}

async function load() {
  let found;
  try {
    found = await ask(PATH, { lang: client.language });
  } catch {
    return; // the panels say what is wrong
  }
  const isFirst = answer === null;
  answer = found;
  if (client.page === "overview") line();
  // What is being typed, or isn't saved yet, is left alone.
  if (form && (isFirst || !(form.contains(document.activeElement) || isEdited()))) paint();
}

function isEdited() {
  return [...form.querySelectorAll("input")].some(
    (each) => each.value !== each.defaultValue || each.checked !== each.defaultChecked,
  );
}

function line() {
  const place = document.getElementById("notices");
  place.querySelector("[data-firing]")?.remove();
  const count = answer.firing.length;
  if (!count) return;
  const names = answer.firing.map((each) =>
    [format.named("rule", each.rule), each.subject, each.rule !== "job" && each.shown_value].filter(Boolean).join(" "),
  );
  const says = ngettext("{count} alert is firing", "{count} alerts are firing", count);
  place.prepend(
    h(
      "p",
      { class: "notice", "data-kind": "warning", "data-firing": "" },
      h("a", { href: linkTo("operations") }, says),
      `: ${names.join(" · ")}`,
    ),
  );
}

function paint() {
  const { rules, from_environment: fixed, channels, problems } = answer;
  const numbers = FIELDS.map(({ key, title, min, max, scale = 1 }) =>
    field(key, title, { type: "number", min, max, step: "any", value: round(rules[key] * scale) }),
  );
  const services = field("services", N_("Services"), {
    type: "text",
    value: rules.services.join(", "),
    placeholder: _("All services"),
    maxlength: "500",
  });
  const quiet = field("quiet_hours", N_("Quiet hours"), {
    type: "text",
    value: rules.quiet_hours,
    placeholder: "22:00-08:00",
    maxlength: "20",
  });
  const chosen = h(
    "fieldset",
    { class: "alert-kinds", disabled: "rules" in fixed, title: fixed.rules ?? null },
    h("legend", {}, _("Alerts of")),
    RULES.map((each) =>
      h(
        "label",
        {},
        h("input", { type: "checkbox", name: "rules", value: each, checked: rules.rules.includes(each) }),
        ` ${format.named("rule", each)}`,
      ),
    ),
  );
  const told = channels.map((each) => format.named("channel", each));
  const where = told.length
    ? _("Told to: {channels}.", { channels: told.join(", ") })
    : _("Nobody is told: no channel is set (Slack, a webhook or a command: CORTEX_OTEL_SLACK_WEBHOOK_URL, CORTEX_OTEL_ALERT_WEBHOOK_URL, CORTEX_OTEL_ALERT_COMMAND).");
  const locked = Object.values(fixed);
  form.replaceChildren(
    h(
      "form",
      { "aria-label": _("Thresholds of alerts"), onsubmit: save },
      h("h2", {}, _("Thresholds")),
      h("div", { class: "asked" }, numbers, services, quiet),
      chosen,
      h(
        "div",
        { class: "saved" },
        h("button", { class: "primary" }, _("Save")),
        h("p", { class: "saved-said" }, where),
        h("p", { class: "saved-said", role: "status" }, message),
        locked.length > 0 && h("p", { class: "saved-said" }, _("Set by the environment: {names}", { names: locked.join(", ") })),
        problems.map((each) => h("p", { class: "saved-problem" }, each)),
      ),
    ),
  );
}

function field(key, title, attributes) {
  const variable = answer.from_environment[key];
  return h(
    "label",
    { class: "field", title: variable ?? null },
    h("span", {}, _(title)),
    h("input", { name: key, autocomplete: "off", disabled: Boolean(variable), ...attributes }),
  );
}

async function save(event) {
  event.preventDefault();
  const { elements } = event.target;
  const body = {};
  for (const { key, scale = 1 } of FIELDS) {
    const { value, disabled } = elements[key];
    if (!disabled) body[key] = round(Number(value) / scale);
  }
  if (!elements.services.disabled)
    body.services = elements.services.value.split(",").map((each) => each.trim()).filter(Boolean);
  if (!elements.quiet_hours.disabled) body.quiet_hours = elements.quiet_hours.value.trim();
  if (!("rules" in answer.from_environment))
    body.rules = [...elements.rules].filter((each) => each.checked).map((each) => each.value);
  try {
    answer = await send("POST", `${PATH}/rules`, body);
    message = _("Saved. It holds within a second.");
    paint();
    form.querySelector("button").focus();
  } catch (error) {
    message = presentable(error).message;
    form.querySelector("[role=status]").textContent = message;
  }
  announce(message);
}

// 0.07 * 100 is 7.000000000000001.
function round(value) {
  return Number(value.toPrecision(9));
}
