// The data that the server embeds in the page, and requests to its API.

const island = document.getElementById("client");

/** Page, panels, filters, language and texts. */
export const client = JSON.parse(island.textContent);

// Texts in the code are English; the page contains their translations (cortex_otel/locale).

/** A text of the interface in the reader's language; `{name}` is replaced by `values.name`. */
export function _(message, values = {}) {
  return filled(client.texts[message] ?? message, values);
}

/** The form that `count` takes; `{count}` is replaced by it, or by `values.count`. */
export function ngettext(singular, plural, count, values = {}) {
  return filled(client.texts[singular] ?? (count === 1 ? singular : plural), { count, ...values });
}

/** Marks a text that is translated where it is shown. */
export function N_(message) {
  return message;
}

function filled(text, values) {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const API = "/api/telemetry";

/** An error response of the API, or a request that failed. */
export class ApiError extends Error {
  constructor(status, { code = "unknown", message = "", field = null, hint = "" } = {}) {
    super(message || _("The server answered with status {status}", { status }));
    this.status = status;
    this.code = code;
    this.field = field;
    this.hint = hint;
  }
}

/** `error` as one to show: what is not the API's or the network's is a fault of these scripts. */
export function presentable(error) {
  if (error instanceof ApiError) return error;
  console.error(error);
  return new ApiError(-1, { code: "display", message: _("The answer could not be displayed") });
}

// The server's own time limit is much shorter: a request that takes longer has lost its connection.
const MAX_ANSWER_MS = 30_000;

/** Send `body` to `path` as JSON with `method`; the answer's body. */
export async function send(method, path, body = null) {
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams({ lang: client.language })}`, {
      method,
      headers: { accept: "application/json", ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new ApiError(0, { code: "unreachable", message: _("The server can't be reached") });
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, answer?.error ?? {});
  return answer;
}

/** The body of GET `path`; an error of the API or of the network becomes an {@link ApiError}. */
export async function ask(path, parameters, signal) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), MAX_ANSWER_MS);
  signal?.addEventListener("abort", () => limit.abort());
  let response;
  let body = null;
  try {
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, {
      signal: limit.signal,
      headers: { accept: "application/json" },
      credentials: "same-origin",
      cache: "no-store",
    });
    // Not JSON, e.g. a proxy's page: the status has to do.
    body = await response.json().catch(() => null);
    limit.signal.throwIfAborted();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, { code: "unreachable", message: _("The server can't be reached") });
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? {});
  return body;
}
