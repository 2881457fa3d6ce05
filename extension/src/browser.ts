/**
 * The same face in an extension host that is a web worker (vscode.dev, github.dev): it records
 * nothing, and says so.
 *
 * The receiver takes nothing from pages in a browser, or any page could write into it, and the
 * machine that the browser runs on needn't be the one with `cortex-otel serve`. There is no
 * directory to keep envelopes in either. So there is nowhere to send to.
 */
import { disabled } from './disabled';
import type { Telemetry, TelemetryContext, TelemetryOptions } from './types';

const IN_A_BROWSER = "web: from a browser `cortex-otel serve` can't be reached; nothing is recorded";
const IN_NODE =
  'web: this is the build for browsers, in Node.js; nothing is recorded. Bundle for Node.js '
  + "(esbuild: platform 'node'; webpack: target 'node'; Vite: build.ssr)";

/** As on a desktop; what it returns records nothing, and `status().problem` says why. */
export function createTelemetry(_context: TelemetryContext, _options: TelemetryOptions): Telemetry {
  // Not the bare name, for which bundlers put in a stand-in.
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  const isNode = process?.versions?.node !== undefined;
  const problem = isNode ? IN_NODE : IN_A_BROWSER;
  try {
    // Of the two, only the second is somebody's mistake.
    console[isNode ? 'warn' : 'info'](`@cortex/telemetry: ${problem}`);
  } catch {
    // a host without a console
  }
  return disabled(problem);
}
