// DOM elements from data. No string is ever parsed as markup.

/** An element with properties, listeners (`onclick`) and children; `null` children are left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

const isShown = (child) => child !== null && child !== undefined && child !== false && child !== "";

/** Announce `text` to screen readers, without a visible change. */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}

/** Set the text of `element`, unless it is the same already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An SVG element, in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars")
      for (const key of Object.keys(value)) element.style.setProperty(`--${key}`, value[key]);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter(isShown));
  return element;
}
