// Loads each bundle as an editor does and prints what its telemetry says: node run.mjs <storage> <bundle>…
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { createRequire } from 'node:module';

const [storage, ...bundles] = process.argv.slice(2);
const told = {};
for (const bundle of bundles) {
  const { contextOf } = createRequire(bundle)('vscode');
  const loaded = await import(pathToFileURL(bundle));
  const { activate, deactivate } = loaded.activate ? loaded : loaded.default;
  told[bundle] = await activate(contextOf(join(storage, String(Object.keys(told).length))));
  await deactivate();
}
process.stdout.write(JSON.stringify(told));
