// Where the nodes and ribbons of a flow diagram stand. Nodes are called "step:event", so the column of
// each is known and nothing runs in circles: no search for a layout is needed.

const GAP = 10;
const LEAST = 2;

/**
 * `{nodes, links}` with places in pixels, from `flows` (`{source, target, value, more}`).
 *
 * A node is as tall as the larger of what comes and what goes. In a column the largest is on top;
 * what is merged, and then what ends, stands at the bottom.
 */
export function placed(flows, { width, height, node, rank }) {
  const nodes = new Map();
  const at = (id) => {
    if (!nodes.has(id)) {
      const [, step, name] = /^(-?\d+):(.*)$/s.exec(id) ?? [null, "0", id];
      nodes.set(id, { id, name, step: Number(step), incoming: 0, outgoing: 0, rank: rank(name) });
    }
    return nodes.get(id);
  };
  const links = flows.map((flow) => {
    const [source, target] = [at(flow.source), at(flow.target)];
    source.outgoing += flow.value;
    target.incoming += flow.value;
    return { ...flow, source, target };
  });
  const steps = [...new Set([...nodes.values()].map(({ step }) => step))].sort((a, b) => a - b);
  const columns = steps.map((step) =>
    [...nodes.values()]
      .filter((each) => each.step === step)
      .map((each) => Object.assign(each, { value: Math.max(each.incoming, each.outgoing) }))
      .sort((a, b) => a.rank - b.rank || b.value - a.value || (a.name < b.name ? -1 : 1)),
  );
  const scale = Math.min(
    ...columns.map((column) => {
      const total = column.reduce((sum, each) => sum + each.value, 0);
      return total ? Math.max(1, height - GAP * (column.length - 1)) / total : Number.POSITIVE_INFINITY;
    }),
  );
  const apart = width / columns.length;
  columns.forEach((column, index) => {
    let y = 0;
    for (const each of column) {
      Object.assign(each, { column: index, x: index * apart, y, height: Math.max(LEAST, each.value * scale) });
      Object.assign(each, { room: apart - node - 8, takenIn: 0, takenOut: 0 });
      y += each.height + GAP;
    }
  });
  const bottom = Math.max(0, ...[...nodes.values()].map((each) => each.y + each.height));
  // Ribbons leave and arrive in the order of the nodes at their other end, so that few cross.
  for (const link of [...links].sort((a, b) => a.target.y - b.target.y)) {
    link.y0 = link.source.y + link.source.takenOut;
    link.thick = link.value * scale;
    link.source.takenOut += link.thick;
  }
  for (const link of [...links].sort((a, b) => a.source.y - b.source.y)) {
    link.y1 = link.target.y + link.target.takenIn;
    link.target.takenIn += link.thick;
  }
  for (const link of links) link.path = ribbon(link, node);
  return { nodes: columns.flat(), links, height: bottom, steps };
}

function ribbon({ source, target, y0, y1, thick }, node) {
  const [left, right] = [source.x + node, target.x];
  const middle = (left + right) / 2;
  const depth = Math.max(1, thick);
  return (
    `M${left} ${y0}C${middle} ${y0} ${middle} ${y1} ${right} ${y1}` +
    `V${y1 + depth}C${middle} ${y1 + depth} ${middle} ${y0 + depth} ${left} ${y0 + depth}Z`
  );
}
