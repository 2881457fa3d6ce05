// News from the store: one socket, which comes back by itself and rests while nobody looks.
import { _ } from "./client.js";
import { h } from "./dom.js";
import * as format from "./format.js";

const FIRST_WAIT_MS = 400;
const MAX_WAIT_MS = 10_000;
// The last 24 hours move on even if nothing happens.
const TURN_MS = 60_000;
// The server has a word every five seconds. A connection can die without a sign (a network that
// changed, a laptop that slept, a server that hangs): silence is the only one.
const SILENCE_MS = 15_000;
const ANSWER_MS = 5000;
const place = document.getElementById("live");
const button = document.getElementById("live-button");
const words = document.getElementById("live-text");
const last = document.getElementById("live-last");

let socket = null;
let timer = 0;
let silence = 0;
let heard = false;
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
  addEventListener("online", seen);
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
  state("waiting", failures ? _("Reconnecting") : _("Connecting"));
  const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/admin/telemetry/live`);
  socket = opened;
  heard = false;
  listen(SILENCE_MS);
  const ofThis = (take) => (event) => socket === opened && take(event);
  opened.addEventListener("open", ofThis(tell));
  opened.addEventListener("message", ofThis(({ data }) => {
    listen(SILENCE_MS);
    if (!heard) {
      heard = true;
      failures = 0;
      tell();
    }
    take(JSON.parse(data));
  }));
  opened.addEventListener("close", ofThis(gone));
}

function listen(ms) {
  clearTimeout(silence);
  silence = setTimeout(gone, ms);
}

// Not waiting for the other side to agree that it is over: it may never answer.
function gone() {
  clearTimeout(silence);
  const left = socket;
  socket = null;
  left.close();
  const wait = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.75 + Math.random() / 2);
  failures += 1;
  state(failures > 2 ? "off" : "waiting", failures > 2 ? _("Not connected") : _("Reconnecting"));
  timer = setTimeout(connect, wait);
}

// What the server should do now, and what the button says.
function tell() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const rests = paused || document.hidden;
  if (rests || resting) socket.send(JSON.stringify({ type: rests ? "pause" : "resume" }));
  // What came in meanwhile was not told.
  if (resting && !rests) onNews();
  resting = rests;
  if (paused) state("paused", _("Paused"));
  else if (heard) state("on", _("Live"));
}

// Shown or hidden, or the machine is on a network again.
function seen() {
  if (document.hidden || paused) tell();
  else if (!socket) reconnect();
  else if (socket.readyState === WebSocket.OPEN) {
    // Much may have happened to the connection meanwhile: it has to show that it is alive.
    resting = true;
    tell();
    listen(ANSWER_MS);
  }
}

function take(message) {
  if (message.type === "alive" || paused || document.hidden) return;
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
