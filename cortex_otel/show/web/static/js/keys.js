// Shortcuts for those who stay on the keyboard; `?` lists them.
import * as filters from "./filters.js";
import { toggle as toggleLive } from "./live.js";
import { toggleTheme } from "./preferences.js";

const SEQUENCE_MS = 1200;
const dialog = document.getElementById("keys");
// Who dictates, or hits keys by accident, must be able to do without them (WCAG 2.1.4).
const toggle = document.getElementById("keys-on");
const KEPT = "cortex_otel_keys";
let isOn = true;
let went = Number.NEGATIVE_INFINITY;

export function start(panels) {
  document.getElementById("keys-button").addEventListener("click", () => dialog.showModal());
  switchTo(kept() !== "off");
  toggle.addEventListener("change", () => switchTo(toggle.checked, true));
  addEventListener("storage", ({ key }) => key === KEPT && switchTo(kept() !== "off"));
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
  if (now - went < SEQUENCE_MS) {
    went = Number.NEGATIVE_INFINITY;
    const link = document.querySelector(`[data-nav-key="${CSS.escape(key)}"]`);
    link?.click();
    return Boolean(link);
  }
  switch (key) {
    case "?":
      dialog.showModal();
      return true;
    case "g":
      went = now;
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
    if (keep) localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // Storage is blocked or full: it holds for this page.
  }
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
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
