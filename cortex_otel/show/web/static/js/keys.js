// Keyboard shortcuts; `?` lists them.
import * as filters from "./filters.js";
import { toggle as toggleLive } from "./live.js";
import { toggleTheme } from "./preferences.js";

const SEQUENCE_MS = 1200;
const dialog = document.getElementById("keys");
// They can be switched off: speech input and accidental keys trigger them (WCAG 2.1.4).
const toggle = document.getElementById("keys-on");
const STORAGE_KEY = "cortex_otel_keys";
let isOn = true;
let prefixedAt = Number.NEGATIVE_INFINITY;

export function start(panels) {
  document.getElementById("keys-button").addEventListener("click", () => dialog.showModal());
  switchTo(stored() !== "off");
  toggle.addEventListener("change", () => switchTo(toggle.checked, true));
  addEventListener("storage", ({ key }) => key === STORAGE_KEY && switchTo(stored() !== "off"));
  addEventListener("keydown", (event) => {
    if (
      !isOn ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.isComposing ||
      isTyping(event.target) ||
      dialog.open
    )
      return;
    if (act(event.key, event.timeStamp, panels)) event.preventDefault();
  });
}

function act(key, now, panels) {
  if (now - prefixedAt < SEQUENCE_MS) {
    prefixedAt = Number.NEGATIVE_INFINITY;
    const link = document.querySelector(`[data-nav-key="${CSS.escape(key)}"]`);
    link?.click();
    return Boolean(link);
  }
  switch (key) {
    case "?":
      dialog.showModal();
      return true;
    case "g":
      prefixedAt = now;
      return true;
    case "/":
      return filters.focusSearch();
    case "l":
      toggleLive();
      return true;
    case "d":
      toggleTheme();
      return true;
    case "t": {
      const open = !panels.some((panel) => panel.tableOpen);
      for (const panel of panels) panel.toggleTable(open);
      return true;
    }
    default:
      if (!/^[1-6]$/.test(key)) return false;
      filters.choosePreset(Number(key) - 1);
      return true;
  }
}

function switchTo(on, keep = false) {
  isOn = toggle.checked = on;
  document.documentElement.toggleAttribute("data-keys-off", !on);
  try {
    if (keep) localStorage.setItem(STORAGE_KEY, on ? "on" : "off");
  } catch {
    // Storage is blocked or full: the choice applies to this page only.
  }
}

function stored() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function isTyping(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName))
  );
}
