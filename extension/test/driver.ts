/**
 * An editor with the sample extension in it, in a process of its own: what the end-to-end tests in
 * `tests/extension` start. Reads one JSON object, does what it says, prints one JSON object.
 */
import { readFileSync } from 'node:fs';

import type { ExtensionContext } from 'vscode';

import { createTelemetry, createTunedTelemetry } from '@cortex/telemetry';
import * as sample from '../sample/src/extension';
import { userHash } from '../src/hashing';
import { summarizeStack } from '../src/stack';
import { commands, contextOf, env, host, workspace } from './vscode';

interface Job {
  storage: string;
  endpoint: string;
  /** MCP server of the sample: the program and its arguments. */
  server: string[];
  user: string;
  tier: 'free' | 'paid';
  queries: string[];
  /** Number of further events, written and sent in small batches. */
  events: number;
  token?: string;
  /** How long to wait for the receiver to store them all. */
  patienceMs?: number;
  editor: { uriScheme: string; appName: string };
}

/** The user hash of each `[id, key]`. */
async function hashUsers(pairs: [string, string][]): Promise<unknown> {
  return pairs.map(([id, key]) => userHash(id, key));
}

/** The one line that is kept of each stack. */
async function summarizeStacks(stacks: string[]): Promise<unknown> {
  return stacks.map((text) => summarizeStack(text, ''));
}

async function runSample(given: Job): Promise<unknown> {
  Object.assign(env, given.editor);
  workspace.workspaceFolders = [{ uri: { fsPath: '/srv/secret-project' } }];
  host.configuration['cortex.telemetry.endpoint'] = given.endpoint;
  host.configuration['cortexSample.server'] = given.server;
  Object.assign(sample.account, { id: given.user, tier: given.tier });
  const context = contextOf(given.storage) as unknown as ExtensionContext;
  sample.activate(context);
  const found = [];
  for (const query of given.queries) {
    found.push(await commands.executeCommand('cortexSample.search', query));
  }
  await commands.executeCommand('cortexSample.insert', 'a\nb\nc', 'python');
  host.throwUnhandled(new RangeError('private text of an error'));
  const start = performance.now();
  await sample.deactivate();
  const deactivateMs = performance.now() - start;
  for (const subscription of context.subscriptions) {
    subscription.dispose();
  }
  return { found, deactivateMs };
}

/** One click on something. */
async function clickOn(given: { storage: string; endpoint: string; element: string }): Promise<unknown> {
  const context = contextOf(given.storage) as unknown as ExtensionContext;
  const telemetry = createTelemetry(context, { endpoint: given.endpoint, tier: 'free' });
  telemetry.uiInteraction('click', given.element);
  await telemetry.flush();
  const status = telemetry.status();
  await telemetry.deactivate();
  return status;
}

/** Events one after the other while a test kills the receiver; says what was recorded. */
async function sendMany(given: Job): Promise<unknown> {
  const context = contextOf(given.storage) as unknown as ExtensionContext;
  const telemetry = createTunedTelemetry(
    context,
    { endpoint: given.endpoint, tier: given.tier, userId: given.user, token: given.token },
    { minDelayMs: 50, maxDelayMs: 200 },
  );
  for (let index = 0; index < given.events; index += 1) {
    telemetry.codeInsert({ language: 'python', linesInserted: index });
    if (index % 10 === 9) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const end = Date.now() + (given.patienceMs ?? 30_000);
  while (!(await telemetry.flush()) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const status = telemetry.status();
  await telemetry.deactivate();
  return status;
}

const JOBS: Readonly<Record<string, (given: never) => Promise<unknown>>> = {
  hash: hashUsers, stack: summarizeStacks, sample: runSample, click: clickOn,
  load: sendMany,
};
const run = JOBS[process.argv[2] ?? ''];
const result = await run?.(JSON.parse(readFileSync(0, 'utf8')) as never);
process.stdout.write(JSON.stringify(result ?? null));
