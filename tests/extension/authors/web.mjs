// Loads bundles as an editor's web worker does, which has no Node.js, and prints what each one's
// telemetry says, and what it wrote to the console: node web.mjs <bundle>…
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';

const told = {};
for (const bundle of process.argv.slice(2)) {
  const exports = {};
  const said = [];
  const vscode = { env: { uriScheme: 'vscode' } };
  const require = (name) => {
    if (name !== 'vscode') throw new Error(`there is no ${name} in a browser`);
    return vscode;
  };
  // What a worker has, and the one thing of the author's own that it has not.
  const console = { info: (text) => said.push(text), warn: (text) => said.push(text) };
  const context = createContext({ console, exports, module: { exports }, require });
  const source = readFileSync(bundle, 'utf8').replaceAll('process.env', '({})');
  const { activate } = runInContext(`${source}\n;module.exports`, context);
  told[bundle] = { ...(await activate({ subscriptions: [] })), said };
}
process.stdout.write(JSON.stringify(told));
