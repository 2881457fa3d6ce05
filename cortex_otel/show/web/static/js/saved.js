// Funnels saved by name: opened, saved and deleted. They are kept in a file that people may edit too.
import { API, ask, client, presentable, send, _ } from "./client.js";
import { announce, h } from "./dom.js";

const PATH = `${API}/analytics/funnels`;
const LISTS = ["steps", "exclude"];
const TEXTS = ["within", "order", "breakdown"];
const BETWEEN = " > ";

let place;
let state;
let answer = { funnels: [], problems: [] };
let message = "";

export async function start(element, controls) {
  place = element;
  state = controls;
  paint();
  try {
    answer = await ask(PATH, { lang: client.language });
  } catch (error) {
    message = presentable(error).message;
  }
  paint();
}

/** The URL has changed. */
export function sync() {
  paint();
}

// What is asked now, as it is saved.
function asked() {
  return {
    ...Object.fromEntries(LISTS.map((name) => [name, state.get(name).split(BETWEEN).filter(Boolean)])),
    ...Object.fromEntries(TEXTS.map((name) => [name, state.get(name)])),
  };
}

function current() {
  const now = JSON.stringify(asked(), [...LISTS, ...TEXTS]);
  return answer.funnels.find((each) => JSON.stringify(each, [...LISTS, ...TEXTS]) === now);
}

function paint() {
  const open = current();
  const typing = place.querySelector("input");
  const typed = document.activeElement === typing ? typing.value : (open?.name ?? "");
  const choose = h(
    "select",
    { name: "saved", onchange: () => choose.value && show(choose.value) },
    h("option", { value: "" }, answer.funnels.length ? _("Open a saved funnel") : _("No funnel is saved yet")),
    answer.funnels.map(({ name }) => h("option", { value: name }, name)),
  );
  choose.disabled = !answer.funnels.length;
  choose.value = open?.name ?? "";
  const name = h("input", {
    type: "text",
    maxlength: "80",
    autocomplete: "off",
    placeholder: _("Name of this funnel"),
    value: typed,
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      save(name);
    },
  });
  const hadFocus = document.activeElement === typing && typing;
  const parts = [
    h("label", { class: "field" }, h("span", {}, _("Saved funnels")), choose),
    h("label", { class: "field" }, h("span", {}, _("Save as")), name),
    h("button", { type: "button", class: "primary", onclick: () => save(name) }, _("Save")),
    open && h("button", { type: "button", class: "quiet", onclick: () => remove(open.name) }, _("Delete {name}", { name: open.name })),
    h("p", { class: "saved-said", role: "status" }, message),
    ...answer.problems.map((problem) => h("p", { class: "saved-problem" }, problem)),
  ];
  place.replaceChildren(...parts.filter(Boolean));
  if (hadFocus) name.focus();
}

function show(name) {
  const funnel = answer.funnels.find((each) => each.name === name);
  message = "";
  state.set({
    ...Object.fromEntries(LISTS.map((each) => [each, funnel[each].join(BETWEEN)])),
    ...Object.fromEntries(TEXTS.map((each) => [each, funnel[each]])),
  });
  announce(_("Opened {name}", { name }));
}

async function save(input) {
  const name = input.value.trim();
  if (!name) {
    input.focus();
    said(_("Give the funnel a name first"));
    return;
  }
  await act(() => send("POST", PATH, { name, ...asked() }), _("Saved {name}", { name }));
}

async function remove(name) {
  await act(() => send("DELETE", `${PATH}/${encodeURIComponent(name)}`), _("Deleted {name}", { name }));
}

async function act(request, done) {
  try {
    answer = await request();
    said(done);
  } catch (error) {
    said(presentable(error).message);
  }
}

function said(text) {
  message = text;
  paint();
  announce(text);
}
