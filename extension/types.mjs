// The declarations as one file that needs no other package's: an author checks them with whatever
// versions of the editor's and of Node's typings are at hand, or none.
import { copyFile } from 'node:fs/promises';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

const types = await rollup({
  input: 'src/index.ts',
  plugins: [dts({ tsconfig: 'tsconfig.build.json' })],
  external: ['vscode', /^@opentelemetry\//, /^node:/],
});
const { output } = await types.write({ file: 'dist/index.d.ts' });
if (output[0].imports.length > 0) {
  throw new Error(`dist/index.d.ts needs ${output[0].imports.join(', ')}`);
}
// What `import` gets must say by its name that it is a module.
await copyFile('dist/index.d.ts', 'dist/index.d.mts');
