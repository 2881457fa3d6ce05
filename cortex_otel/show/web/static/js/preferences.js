// Theme and language: kept in cookies, because the server renders the page.
import { redrawAll } from "./chart.js";
import { client } from "./client.js";

const YEAR_SECONDS = 31_536_000;
const root = document.documentElement;

export function start() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.addEventListener("click", () => chooseTheme(button.dataset.themeChoice));
  }
  for (const button of document.querySelectorAll("[data-language-choice]")) {
    button.addEventListener("click", () => chooseLanguage(button.dataset.languageChoice));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
}

export function toggleTheme() {
  chooseTheme(isDark() ? "light" : "dark");
}

function isDark() {
  if (root.dataset.theme !== "auto") return root.dataset.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function chooseTheme(theme) {
  root.dataset.theme = theme;
  keep(client.cookies.theme, theme);
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
  redrawAll();
}

function chooseLanguage(language) {
  keep(client.cookies.language, language);
  const url = new URL(location.href);
  // A language in the URL would take precedence over the cookie.
  url.searchParams.delete("lang");
  if (url.href === location.href) location.reload();
  else location.replace(url);
}

function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=strict`;
}
