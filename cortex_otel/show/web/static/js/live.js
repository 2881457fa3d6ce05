// News from the store: one socket, which comes back by itself and rests while nobody looks.
import { t } from "./client.js";
import { h } from "./dom.js";
import * as format from "./format.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10_000;
// The last 24 hours move on even if nothing happens.
const TURN_MS = 60_000;
const place = document.getElementById("live");
const button = document.getElementById("live-button");
const words = document.getElementById("live-text");
const last = document.getElementById("live-last");

let socket = null;
let timer = 0;
let failures = 0;
let paused = false;
let resting = false;
let onNews = () => {};
let newest = null;

/** Call `news` whenever the store changed, from now on. */
export function start(news) {
  onNews = news;
  button.addEventListener("click", toggle);
  document.addEventListener("visibilitychange", seen);
  addEventListener("online", reconnect);
  addEventListener("pagehide", () => socket?.close());
  // A page from the browser's back/forward cache comes with its socket closed.
  addEventListener("pageshow", (event) => event.persisted && reconnect());
  setInterval(() => place.dataset.state === "on" && !document.hidden && onNews(), TURN_MS);
  connect();
}

export function toggle() {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  tell();
}

/** Whether the reader wants no news. */
export function isPaused() {
  return paused;
}

function reconnect() {
  clearTimeout(timer);
  if (!socket) connect();
}

function connect() {
  state("waiting", t(failures ? "live_reconnecting" : "live_connecting"));
  const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/admin/telemetry/live`);
  socket = opened;
  opened.addEventListener("open", () => {
    failures = 0;
    tell();
  });
  opened.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  opened.addEventListener("close", () => {
    if (socket !== opened) return;
    socket = null;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.75 + Math.random() / 2);
    failures += 1;
    state(failures > 2 ? "off" : "waiting", t(failures > 2 ? "live_off" : "live_reconnecting"));
    timer = setTimeout(connect, wait);
  });
}

// What the server should do now, and what the button says.
function tell() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const rests = paused || document.hidden;
  if (rests || resting) socket.send(JSON.stringify({ type: rests ? "pause" : "resume" }));
  // What came in meanwhile was not told.
  if (resting && !rests) onNews();
  resting = rests;
  if (paused) state("paused", t("live_paused"));
  else state("on", t("live_on"));
}

function seen() {
  if (document.hidden) tell();
  else if (socket) tell();
  else reconnect();
}

function take(message) {
  if (paused || document.hidden) return;
  const events = message.events ?? [];
  // A commit without an event (a metric, say) changes nothing here. The first word says where we
  // are; one after a reconnection that differs says that something was missed.
  const news = events.length > 0 || (newest !== null && message.newest_id !== newest);
  newest = message.newest_id;
  if (events.length) show(events);
  if (news) onNews();
}

function show(events) {
  const event = events.reduce((a, b) => (b.id > a.id ? b : a));
  const name = event.tool_name || event.name || event.event_type;
  const took = typeof event.duration_ms === "number" ? ` · ${format.value(event.duration_ms, "ms")}` : "";
  last.hidden = false;
  last.replaceChildren(h("b", {}, name), `${format.word(event.result ?? "")}${took}`);
  place.removeAttribute("data-beat");
  requestAnimationFrame(() => place.setAttribute("data-beat", ""));
}

function state(name, text) {
  place.dataset.state = name;
  words.textContent = text;
}
