// Entry point of every page: filters, panels, live updates.
import * as address from "./address.js";
import * as alerts from "./alerts.js";
import { client, _ } from "./client.js";
import { announce } from "./dom.js";
import * as controls from "./controls.js";
import * as filters from "./filters.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import { Panel } from "./panel.js";
import * as preferences from "./preferences.js";
import { Trace } from "./trace.js";

const panels = client.panels.map(
  (config) => new Panel(document.getElementById(`panel-${config.id}`), config),
);
const waterfall = document.querySelector("[data-trace]");
if (waterfall) panels.push(new Trace(document.getElementById("trace"), waterfall.dataset.trace));

address.start();
filters.start();
controls.start();
preferences.start();
keys.start(panels);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    announce(_("Copied"));
    button.textContent = _("Copied");
  });
}
// Where the navigation is a row that scrolls, the current page may be out of it.
const [pages, current] = [document.querySelector(".side nav"), document.querySelector(".side nav a[aria-current]")];
if (current) pages.scrollLeft = current.offsetLeft - (pages.clientWidth - current.offsetWidth) / 2;
for (const panel of panels) panel.load();
address.onChange(() => {
  for (const panel of panels) panel.load();
});
alerts.start();
live.start(() => {
  alerts.changed();
  for (const panel of panels) panel.changed();
});
