// One file with everything in it: an extension that bundles ships no OpenTelemetry twice, and one
// that doesn't needs nothing but this file.
import { stat } from 'node:fs/promises';
import { build } from 'esbuild';

await build({
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  // What VS Code 1.100 runs extensions on.
  target: 'node20',
  external: ['vscode'],
  legalComments: 'none',
  logLevel: 'warning',
});
const { size } = await stat('dist/index.js');
console.log(`dist/index.js: ${(size / 1000).toFixed(1)} kB`);
