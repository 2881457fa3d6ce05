// The spans of a trace as a tree in call order, parents before children.

/** Milliseconds since 1970 at which `span` begins; fractions are microseconds. */
export function starts(span) {
  const fraction = /\.(\d{3})(\d+)/.exec(span.timestamp ?? "")?.[2];
  return Date.parse(span.timestamp) + (fraction ? Number(`0.${fraction}`) : 0);
}

/** `[{span, depth}]`; a span whose parent isn't stored is at the top level. */
export function nested(spans) {
  const children = new Map();
  const known = new Set(spans.map((span) => span.span_id).filter(Boolean));
  for (const span of [...spans].sort((a, b) => starts(a) - starts(b))) {
    // An event carries the id of the span it happened in.
    const parent = isInstant(span) ? span.span_id : span.parent_span_id;
    const key = known.has(parent) && !(isInstant(span) && !hasSpan(spans, parent)) ? parent : "";
    children.set(key, [...(children.get(key) ?? []), span]);
  }
  const rows = [];
  const placed = new Set();
  const place = (parent, depth) => {
    for (const span of children.get(parent) ?? []) {
      if (placed.has(span)) continue;
      placed.add(span);
      rows.push({ span, depth });
      if (!isInstant(span) && span.span_id) place(span.span_id, depth + 1);
    }
  };
  place("", 0);
  // A cycle of parents has no root; its spans are shown at the top level.
  for (const span of spans) if (!placed.has(span)) rows.push({ span, depth: 0 });
  return rows;
}

function isInstant(span) {
  return span.duration_ms === null || span.duration_ms === undefined;
}

function hasSpan(spans, id) {
  return spans.some((span) => span.span_id === id && !isInstant(span));
}
