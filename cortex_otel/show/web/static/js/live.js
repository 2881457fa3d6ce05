// Updates from the store: one socket, which reconnects by itself and pauses while the page is hidden.
import { _ } from "./client.js";
import { h } from "./dom.js";
import * as format from "./format.js";

const FIRST_WAIT_MS = 400;
const MAX_WAIT_MS = 10_000;
// A range that ends now moves on even if nothing is recorded.
const REFRESH_MS = 60_000;
// The server sends a message every five seconds. A connection can die unnoticed (a network change, a
// laptop that slept, a server that hangs): silence is the only sign.
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

/** Call `news` whenever the store has changed. */
export function start(news) {
  onNews = news;
  button.addEventListener("click", toggle);
  document.addEventListener("visibilitychange", onVisible);
  addEventListener("online", onVisible);
  addEventListener("pagehide", () => socket?.close());
  // A page restored from the back/forward cache has a closed socket.
  addEventListener("pageshow", (event) => event.persisted && reconnect());
  setInterval(() => place.dataset.state === "on" && !document.hidden && onNews(), REFRESH_MS);
  connect();
}

export function toggle() {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  sync();
}

/** Whether the reader has paused live updates. */
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
  const ifCurrent = (take) => (event) => socket === opened && take(event);
  opened.addEventListener("open", ifCurrent(sync));
  opened.addEventListener("message", ifCurrent(({ data }) => {
    listen(SILENCE_MS);
    if (!heard) {
      heard = true;
      failures = 0;
      sync();
    }
    take(JSON.parse(data));
  }));
  opened.addEventListener("close", ifCurrent(disconnected));
}

function listen(ms) {
  clearTimeout(silence);
  silence = setTimeout(disconnected, ms);
}

// Doesn't wait for the close handshake: the other side may never answer.
function disconnected() {
  clearTimeout(silence);
  const closed = socket;
  socket = null;
  closed.close();
  const wait = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.75 + Math.random() / 2);
  failures += 1;
  state(failures > 2 ? "off" : "waiting", failures > 2 ? _("Not connected") : _("Reconnecting"));
  timer = setTimeout(connect, wait);
}

// Tell the server to pause or resume, and update the button.
function sync() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const rests = paused || document.hidden;
  if (rests || resting) socket.send(JSON.stringify({ type: rests ? "pause" : "resume" }));
  // Changes in the meantime were not announced.
  if (resting && !rests) onNews();
  resting = rests;
  if (paused) state("paused", _("Paused"));
  else if (heard) state("on", _("Live"));
}

// The page was shown or hidden, or the network is back.
function onVisible() {
  if (document.hidden || paused) sync();
  else if (!socket) reconnect();
  else if (socket.readyState === WebSocket.OPEN) {
    // The connection may have died meanwhile: it has to prove that it is alive.
    resting = true;
    sync();
    listen(ANSWER_MS);
  }
}

function take(message) {
  if (message.type === "alive" || paused || document.hidden) return;
  const events = message.events ?? [];
  // A commit without events (metrics, say) changes nothing here. The first message gives the current
  // position; a different one after a reconnection means that events were missed.
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
