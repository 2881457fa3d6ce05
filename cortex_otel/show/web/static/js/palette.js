// Theme colours for canvases, and the same colour for the same name on every page.

const FIXED = {
  free: 8,
  trial: 3,
  paid: 1,
  enterprise: 4,
  mcp: 1,
  extension: 2,
  web: 3,
  success: 2,
  automatic: 1,
  manual: 2,
  auto: 1,
};
const probe = document.createElement("span");
probe.hidden = true;

/** The current colour of `variable` as `rgb(…)`: the browser resolves light-dark(). */
export function colour(variable) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${variable})`;
  return getComputedStyle(probe).color;
}

/** The colour variable of the series `name`; by `index` if the name has none. */
export function seriesVariable(name, index) {
  if (["error", "errors", "timeout"].includes(name)) return "bad";
  return `series-${FIXED[name] ?? (index % 8) + 1}`;
}

/** Colour variables for several names; distinct as long as there are enough. */
export function seriesVariables(names) {
  const taken = new Set(names.filter((name) => name in FIXED).map((name) => seriesVariable(name, 0)));
  const free = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((number) => `series-${number}`)
    .filter((each) => !taken.has(each));
  let next = 0;
  return names.map((name) => {
    if (name in FIXED || ["error", "errors", "timeout"].includes(name)) return seriesVariable(name, 0);
    return free.length ? free[next++ % free.length] : seriesVariable(name, next++);
  });
}
