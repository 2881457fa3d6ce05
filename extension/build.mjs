// One file with everything in it: an extension that bundles ships no OpenTelemetry twice, and one
// that doesn't needs nothing but this file. Beside it, the licences of what is inside.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const { metafile } = await build({
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  // What VS Code 1.100 runs extensions on.
  target: 'node20',
  external: ['vscode'],
  metafile: true,
  logLevel: 'warning',
});

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
);
const texts = new Map();
for (const path of [...packages].sort()) {
  const { name, version, license } = JSON.parse(await readFile(`${path}/package.json`, 'utf8'));
  const text = await readFile(`${path}/LICENSE`, 'utf8');
  texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
}
await writeFile(
  'dist/THIRD-PARTY.txt',
  [...texts].map(([text, names]) => `${names.join('\n')}\n\n${text}`).join(`\n${'-'.repeat(80)}\n\n`),
);

const { size } = await stat('dist/index.js');
console.log(`dist/index.js: ${(size / 1000).toFixed(1)} kB`);
