// Elements from data. Nothing here or elsewhere takes a string for markup: text stays text.

/** An element with properties, listeners (`onclick`) and children; `null` children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars")
      for (const key of Object.keys(value)) element.style.setProperty(`--${key}`, value[key]);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Say `text` to screen readers, without a change to what is seen. */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}

/** Set the text of `element`, and leave it alone if it says that already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
