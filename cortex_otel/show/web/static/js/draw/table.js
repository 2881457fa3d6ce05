// A table of rows with units, links and tags; new rows flash, the others stay in place.
import { _ } from "../client.js";
import { h } from "../dom.js";
import * as format from "../format.js";
import { linked } from "../links.js";
import { tone } from "../meaning.js";
import { columnIndex } from "../pivot.js";

const NUMERIC = new Set(["count", "ratio", "factor", "number", "ms", "tokens"]);
const SHORT = 28; // names up to this length aren't wrapped
const LONG = 40; // longer texts get a wide column
const TAGS = new Set(["user_tier", "tier", "result", "level", "service"]);

export function table(body, answer) {
  const columns = columnsOf(answer);
  const names = columns.map(({ column }) => column.name).join();
  let scroll = body.querySelector(":scope > .scroll");
  if (scroll?.dataset.columns !== names) {
    scroll = h(
      "div",
      { class: "scroll", "data-columns": names, tabindex: "0", role: "group", "aria-label": answer.title },
      h(
        "table",
        {},
        heading(answer, columns, (name) => sort(scroll, name)),
        h("tbody"),
      ),
    );
    body.replaceChildren(scroll);
  }
  shown.set(scroll, { answer, columns });
  refill(scroll);
}

const shown = new WeakMap();

// A click on a heading sorts descending first, then ascending, then as received.
function sort(scroll, name) {
  const next =
    scroll.dataset.sort !== name
      ? "descending"
      : scroll.dataset.direction === "descending"
        ? "ascending"
        : "";
  scroll.dataset.sort = next ? name : "";
  scroll.dataset.direction = next;
  for (const cell of scroll.querySelectorAll("thead th")) {
    if (cell.dataset.column === name && next) cell.setAttribute("aria-sort", next);
    else cell.removeAttribute("aria-sort");
  }
  refill(scroll);
}

function refill(scroll) {
  const { answer, columns } = shown.get(scroll);
  const index = scroll.dataset.sort ? columnIndex(answer, scroll.dataset.sort) : -1;
  const turn = scroll.dataset.direction === "ascending" ? 1 : -1;
  const rows =
    index < 0 ? answer.rows : [...answer.rows].sort((a, b) => turn * compared(a[index], b[index], turn));
  fill(scroll.querySelector("tbody"), answer, columns, rows);
}

// Rows without a value come last in either direction.
function compared(a, b, turn) {
  if (a === b) return 0;
  if (a === null) return turn;
  if (b === null) return -turn;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

export function columnsOf(answer) {
  const names =
    answer.values.length && answer.draw === "table"
      ? answer.values
      : answer.columns.map((column) => column.name);
  return names
    .map((name) => ({ index: columnIndex(answer, name), column: answer.columns[columnIndex(answer, name)] }))
    .filter(
      ({ column }) =>
        column &&
        !(column.name === "partial" && answer.rows.every((row) => !row[columnIndex(answer, "partial")])),
    );
}

export function heading(answer, columns, onSort = null) {
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      columns.map(({ column }) => {
        const title = column.title || column.name;
        return h(
          "th",
          {
            scope: "col",
            class: NUMERIC.has(column.unit) ? "num" : null,
            title: column.meaning,
            "data-column": column.name,
          },
          onSort ? h("button", { type: "button", onclick: () => onSort(column.name) }, title) : title,
        );
      }),
    ),
  );
}

/** Fill `tbody` with `rows`; elements of rows with the same content are reused. */
export function fill(tbody, answer, columns, rows) {
  const first = !tbody.childElementCount;
  const present = new Map();
  for (const row of tbody.rows) {
    const list = present.get(row.dataset.key) ?? [];
    list.push(row);
    present.set(row.dataset.key, list);
  }
  let cursor = tbody.firstElementChild;
  for (const row of rows) {
    const key = JSON.stringify(row);
    const existing = present.get(key)?.shift();
    const element =
      existing ??
      h(
        "tr",
        { "data-key": key, class: first ? null : "flash" },
        columns.map((each) => cell(answer, each, row)),
      );
    if (element === cursor) cursor = cursor.nextElementSibling;
    else tbody.insertBefore(element, cursor);
  }
  for (const gone of present.values()) for (const element of gone) element.remove();
}

export function cell(answer, { column, index }, row) {
  const raw = row[index];
  // Not broken down: there is nothing to name.
  const whole = column.name === "breakdown" && raw === "";
  const text = whole ? format.NONE : format.cell(column, raw);
  const nothing = raw === null || raw === undefined || raw === "";
  const kind = kindOf(column, text);
  let content = kind === "hash" && !nothing && text.length > 14 ? `${text.slice(0, 8)}…` : text;
  if (!nothing && TAGS.has(column.name)) content = h("span", { class: "tag", "data-sense": tone(raw) }, text);
  const exact = kind === "hash" && !nothing ? raw : column.unit === "unix_ns" && !nothing ? raw : null;
  return h(
    "td",
    { class: nothing ? `${kind} none` : kind, title: exact },
    nothing ? content : linked(answer, column.name, raw, content),
  );
}

function kindOf({ name, unit }, text) {
  if (NUMERIC.has(unit)) return "num";
  if (unit === "unix_ns" || unit === "epoch_day") return "time";
  if (/hash|_id$/.test(name)) return "hash";
  if (text.length > LONG) return "text long";
  return text.length <= SHORT && !text.includes(" ") ? "word" : "text";
}

/** The data of a chart as a table: for screen readers, and for everyone on request. */
export function dataTable(body, answer) {
  const panel = body.closest(".panel");
  const open = panel?.hasAttribute("data-table-open");
  body.querySelector(":scope > .data-table")?.remove();
  const columns = columnsOf({ ...answer, draw: "" });
  const rows = h("tbody");
  const wrapped = h(
    "div",
    {
      class: open ? "data-table scroll" : "data-table sr-only",
      tabindex: open ? "0" : null,
      role: "group",
      "aria-label": _("Data table: {title}", { title: answer.title }),
    },
    h("table", {}, h("caption", { class: "sr-only" }, answer.title), heading(answer, columns), rows),
  );
  for (const row of answer.rows)
    rows.append(
      h(
        "tr",
        {},
        columns.map((each) => cell(answer, each, row)),
      ),
    );
  body.append(wrapped);
}
