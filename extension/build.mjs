// One file for each kind of host, with everything in it: an extension that bundles ships no
// OpenTelemetry twice, and one that doesn't needs nothing but the file. Beside them, the licences of
// what is inside.
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const options = {
  bundle: true,
  minify: true,
  // What `engines` in package.json promises; VS Code 1.100 runs extensions on Node 20.
  target: 'node18',
  external: ['vscode'],
  // Bundlers keep such a comment, and with it the way to the licences.
  banner: { js: `/*! @cortex/telemetry ${version}, Apache-2.0; with OpenTelemetry JS: see its THIRD-PARTY.txt */` },
  metafile: true,
  logLevel: 'warning',
};
const inputs = new Set();
for (const [entry, name, platform] of [['index', 'index', 'node'], ['browser', 'browser', 'neutral']]) {
  for (const [format, extension] of [['cjs', 'js'], ['esm', 'mjs']]) {
    const outfile = `dist/${name}.${extension}`;
    const { metafile } = await build({ ...options, entryPoints: [`src/${entry}.ts`], outfile, platform, format });
    Object.keys(metafile.inputs).forEach((path) => inputs.add(path));
    console.log(`${outfile}: ${((await stat(outfile)).size / 1000).toFixed(1)} kB`);
  }
}

const packages = new Set(
  [...inputs].flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
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
await copyFile('../LICENSE', 'LICENSE');
