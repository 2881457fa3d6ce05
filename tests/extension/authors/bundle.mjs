// Builds `src/extension.ts` of a project with what authors use, for Node.js as CommonJS and as ESM
// into `out`, and for a browser into `web`: node bundle.mjs <project>
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import nodeResolve from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';

const root = process.argv[2];
const source = join(root, 'src/extension.ts');
// Rollup and webpack take TypeScript through a plugin; what they get of it are its imports.
const plain = join(root, 'src/extension.mjs');
const text = await readFile(source, 'utf8');
await writeFile(plain, (await esbuild.transform(text, { loader: 'ts' })).code);

const FORMATS = { cjs: '.cjs', esm: '.mjs' };

async function withEsbuild(outfile, options) {
  await esbuild.build({
    entryPoints: [source], outfile, bundle: true, external: ['vscode'], logLevel: 'error', ...options,
  });
}

async function withRollup(file, format) {
  const built = await rollup({
    input: plain,
    external: ['vscode', /^node:/],
    plugins: [nodeResolve()],
    onLog: (_level, log) => {
      if (log.code !== 'MISSING_NODE_BUILTINS') throw new Error(log.message);
    },
  });
  await built.write({ file, format });
}

async function withVite(outDir, name, build, more = {}) {
  await vite.build({
    configFile: false, root, logLevel: 'error', ...more,
    build: {
      outDir, emptyOutDir: false, minify: false, ...build,
      rollupOptions: { external: ['vscode', /^node:/], output: { entryFileNames: name, format: build.format } },
    },
  });
}

function withWebpack(path, filename, options) {
  return new Promise((resolve, reject) => {
    webpack(
      {
        mode: 'production', context: root, entry: plain, devtool: false,
        resolveLoader: { modules: [] }, ...options,
        output: { path, filename, ...options.output },
      },
      (error, stats) => {
        if (error || stats.hasErrors() || stats.hasWarnings()) {
          reject(error ?? new Error(stats.toString({ colors: false })));
        } else {
          resolve();
        }
      },
    );
  });
}

const out = join(root, 'out');
const web = join(root, 'web');
for (const [format, extension] of Object.entries(FORMATS)) {
  const isEsm = format === 'esm';
  const { code } = await esbuild.transform(text, { loader: 'ts', format, platform: 'node' });
  await mkdir(out, { recursive: true });
  await writeFile(join(out, `unbundled${extension}`), code);
  await withEsbuild(join(out, `esbuild${extension}`), { platform: 'node', format });
  await withRollup(join(out, `rollup${extension}`), format);
  await withVite(out, `vite${extension}`, { ssr: source, format }, { ssr: { noExternal: true } });
  await withWebpack(out, `webpack${extension}`, {
    target: 'node',
    externals: { vscode: isEsm ? 'module vscode' : 'commonjs vscode' },
    experiments: { outputModule: isEsm },
    output: { library: { type: isEsm ? 'module' : 'commonjs2' } },
  });
}
await withEsbuild(join(web, 'esbuild.cjs'), { platform: 'browser', format: 'cjs' });
await withWebpack(web, 'webpack.cjs', {
  target: 'webworker', externals: { vscode: 'commonjs vscode' }, output: { library: { type: 'commonjs' } },
});
// For a browser is also what Vite makes of a library, if it isn't told otherwise.
await withVite(web, 'vite.cjs', { lib: { entry: source, formats: ['cjs'] }, format: 'cjs' });
