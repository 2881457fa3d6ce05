// Type-checks a project with each TypeScript and each way to resolve modules, libraries included:
// node check.mjs <project>. Prints the complaints by configuration.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = process.argv[2];
const require = createRequire(import.meta.url);
const CONFIGURATIONS = {
  'node16, CommonJS': { module: 'node16', moduleResolution: 'node16' }, // of `yo code`
  'node16, ESM': { module: 'node16', moduleResolution: 'node16', isModule: true },
  node10: { module: 'commonjs', moduleResolution: 'node10' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};
const told = {};
for (const name of ['typescript', 'typescript5']) {
  const ts = require(name);
  const parsed = new Map();
  for (const [title, { isModule, ...how }] of Object.entries(CONFIGURATIONS)) {
    // Of the newer one what `yo code` writes and what bundlers want: node10 is on its way out there.
    if (!ts.version.startsWith('5.') && (isModule || how.moduleResolution === 'node10')) {
      continue;
    }
    writeFileSync(join(root, 'package.json'), JSON.stringify({ type: isModule ? 'module' : 'commonjs' }));
    const { options, errors } = ts.convertCompilerOptionsFromJson(
      {
        ...how, target: 'ES2022', lib: ['ES2022'], types: ['node'], strict: true, noEmit: true,
        exactOptionalPropertyTypes: true, skipLibCheck: false,
      },
      root,
    );
    const host = ts.createCompilerHost(options);
    host.getCurrentDirectory = () => root;
    const read = host.getSourceFile;
    host.getSourceFile = (path, ...rest) => {
      // TypeScript's own libraries are the same for all.
      const isLibrary = /[\\/]lib\.[\w.]+\.d\.ts$/.test(path);
      const file = (isLibrary && parsed.get(path)) || read(path, ...rest);
      parsed.set(path, file);
      return file;
    };
    const program = ts.createProgram([join(root, 'src/extension.ts')], options, host);
    const complaints = [...errors, ...ts.getPreEmitDiagnostics(program)];
    told[`${ts.version}, ${title}`] = complaints.map((each) => {
      const text = ts.flattenDiagnosticMessageText(each.messageText, ' ');
      return `${each.file?.fileName ?? ''}: ${text}`;
    });
    const [declarations] = program.getSourceFiles().filter(({ fileName }) => fileName.includes('telemetry/dist'));
    told[`${ts.version}, ${title}`].push(...(declarations ? [] : ['no declarations of the package were read']));
  }
}
process.stdout.write(JSON.stringify(told));
