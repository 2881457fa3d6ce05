/** The extension works as before, whatever happens to its telemetry. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { createTelemetry, createTunedTelemetry } from '../src/index';
import { Machine, until } from './helpers';
import { env, workspace } from './vscode';

let machine: Machine;

beforeEach(async () => {
  machine = new Machine();
  await machine.receiver.start();
});

afterEach(async () => {
  await machine.remove();
});

test('a storage directory that is a file: sent from memory', async () => {
  writeFileSync(join(machine.storage, 'cortex-telemetry'), 'in the way');
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  telemetry.contextSwitch({ toBranch: 'main' });
  telemetry.error(new Error('x'), { crash: true });
  await telemetry.flush();
  await until(() => telemetry.status().sent === 3, 'all were sent');
  expect(telemetry.status()).toMatchObject({ faults: 0, dropped: {} });
});

test('and where the receiver is down too, memory is bounded and the loss counted', async () => {
  writeFileSync(join(machine.storage, 'cortex-telemetry'), 'in the way');
  await machine.receiver.stop();
  const telemetry = machine.open({}, { maxMemoryBytes: 10_000 });
  for (let index = 0; index < 30; index += 1) {
    telemetry.uiInteraction('click', 'x');
    await telemetry.flush();
  }
  const { queued, dropped, faults } = telemetry.status();
  expect(queued.bytes).toBeLessThanOrEqual(10_000);
  expect(queued.envelopes + (dropped['disk'] ?? 0)).toBe(30);
  expect(faults).toBe(0);
  await machine.receiver.start();
  await until(() => telemetry.status().queued.envelopes === 0, 'the rest was sent');
});

test('a full disk', async (context) => {
  const mount = mkdtempSync(join(tmpdir(), 'cortex-full-'));
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
  if (made.status !== 0) {
    rmSync(mount, { recursive: true });
    context.skip('needs the right to mount a small file system');
  }
  try {
    await machine.receiver.stop();
    const small = Object.assign(new Machine(), { storage: mount });
    (small.context.globalStorageUri as { fsPath: string }).fsPath = mount;
    const telemetry = createTunedTelemetry(
      small.context as never, { endpoint: machine.receiver.endpoint, tier: 'free' },
      { minDelayMs: 20, maxDelayMs: 50 },
    );
    for (let index = 0; index < 60; index += 1) {
      telemetry.uiInteraction('click', `element_${index}`);
      await telemetry.flush();
    }
    expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
    await machine.receiver.start();
    await until(() => telemetry.status().sent === 61, 'all was sent');
    const elements = new Set(machine.receiver.events.map((event) => event.attributes['cortex.ui.element']));
    expect(elements.size).toBe(61);
    expect(telemetry.status()).toMatchObject({ dropped: {}, faults: 0 });
    await telemetry.deactivate();
  } finally {
    spawnSync('umount', ['-l', mount]);
    rmSync(mount, { recursive: true, force: true });
  }
});

test('a directory that may be read and not written', async () => {
  mkdirSync(machine.outbox, { recursive: true });
  for (const directory of [machine.storage, join(machine.storage, 'cortex-telemetry'), machine.outbox]) {
    chmodSync(directory, 0o555);
  }
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    process.seteuid?.(65_534); // root may write anywhere
  }
  try {
    const telemetry = machine.open();
    telemetry.contextSwitch({ toBranch: 'main' });
    telemetry.error(new Error('x'), { crash: true });
    await telemetry.flush();
    await until(() => telemetry.status().sent === 2, 'both were sent');
    expect(telemetry.status()).toMatchObject({ dropped: {}, faults: 0 });
    expect(machine.envelopes).toEqual([]);
  } finally {
    if (isRoot) {
      process.seteuid?.(0);
    }
    for (const directory of [machine.outbox, join(machine.storage, 'cortex-telemetry'), machine.storage]) {
      chmodSync(directory, 0o700);
    }
  }
});

test('an editor without a telemetry logger: nothing is recorded, and all work is done', async () => {
  const { createTelemetryLogger } = env;
  Object.assign(env, { createTelemetryLogger: undefined });
  try {
    const telemetry = machine.open();
    telemetry.install();
    telemetry.error(new Error('x'));
    expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
    expect(telemetry.status().problem).toBe('start: TypeError');
    await telemetry.deactivate();
  } finally {
    Object.assign(env, { createTelemetryLogger });
  }
});

test('a logger that raises, and one that keeps events to itself', async () => {
  const { createTelemetryLogger } = env;
  let raises = true;
  Object.assign(env, {
    createTelemetryLogger: () => ({
      isUsageEnabled: true,
      isErrorsEnabled: true,
      onDidChangeEnableStates: () => ({ dispose: () => undefined }),
      logUsage: () => {
        if (raises) {
          throw new Error('logger');
        }
      },
      dispose: () => undefined,
    }),
  });
  try {
    const telemetry = machine.open();
    telemetry.uiInteraction('click', 'x');
    expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
    expect(telemetry.status().faults).toBe(2);
    raises = false;
    for (let index = 0; index < 1100; index += 1) {
      telemetry.uiInteraction('click', 'x');
    }
    // 1024 wait for the logger, with the two that it raised for; the rest is counted.
    expect(telemetry.status().dropped).toEqual({ host: 78 });
  } finally {
    Object.assign(env, { createTelemetryLogger });
  }
});

test('an editor whose settings raise: taken for a no, and nobody is hurt', async () => {
  const { getConfiguration } = workspace;
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'before');
  Object.assign(workspace, { getConfiguration: () => { throw new Error('settings'); } });
  try {
    telemetry.uiInteraction('click', 'x');
    expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
    expect(telemetry.status().level).toBe('off');
    await telemetry.flush();
    await telemetry.deactivate();
    expect(machine.receiver.events).toEqual([]);
  } finally {
    Object.assign(workspace, { getConfiguration });
  }
});

test('errors that fight back, and texts without end', async () => {
  const telemetry = machine.open();
  const hostile = new Proxy({}, {
    get: () => { throw new Error('get'); },
    ownKeys: () => { throw new Error('keys'); },
    getPrototypeOf: () => { throw new Error('prototype'); },
  });
  const loop: { cause?: unknown; name: unknown; stack: unknown; message: unknown } = {
    name: Symbol('x'), stack: { toString: () => { throw new Error('stack'); } }, message: 1n,
  };
  loop.cause = loop;
  const start = Date.now();
  for (const thrown of [hostile, loop, 1n, Symbol('x'), null, () => undefined, NaN, [], new Date(Number.NaN)]) {
    telemetry.error(thrown);
    let caught: unknown;
    try {
      telemetry.uiInteraction('click', 'x', () => { throw thrown; });
    } catch (error) {
      caught = error;
    }
    expect(Object.is(caught, thrown)).toBe(true);
  }
  const huge = '가'.repeat(20_000_000);
  telemetry.error(new Error(huge));
  telemetry.error(Object.assign(new Error('x'), { stack: `${'    at '.repeat(1000)}\n`.repeat(2000) }));
  telemetry.contextSwitch({ filePath: huge });
  telemetry.uiInteraction(huge, huge);
  expect(Date.now() - start).toBeLessThan(2000);
  await telemetry.flush();
  expect(machine.receiver.events).toHaveLength(22);
  expect(telemetry.status().faults).toBe(0);
});

test('options that raise', async () => {
  const raise = (): never => {
    throw new Error('licence');
  };
  const telemetry = machine.open({ tier: raise, userId: raise });
  telemetry.uiInteraction('click', 'x');
  expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
  await telemetry.flush();
  const [event] = machine.receiver.events;
  expect(event?.attributes).toMatchObject({ 'cortex.user.tier': 'free' });
  expect(event?.attributes).not.toHaveProperty('user.hash');
});

test('no context at all', () => {
  const telemetry = createTelemetry(undefined as never, { tier: 'free' });
  expect(telemetry.status().problem).toBe('start: TypeError');
  expect(telemetry.uiInteraction('click', 'x', () => 42)).toBe(42);
});

test('the bundle, in a process of its own: keeps nobody alive, prints nothing, and an exit loses nothing', async () => {
  const script = join(machine.storage, 'host.cjs');
  writeFileSync(
    script,
    `const Module = require('node:module');
     const off = { dispose() {} };
     const vscode = {
       version: '1.100.0',
       env: {
         uriScheme: 'cursor', appName: 'Cursor', isTelemetryEnabled: true,
         onDidChangeTelemetryEnabled: () => off,
         createTelemetryLogger: (sender) => ({
           isUsageEnabled: true, isErrorsEnabled: true, onDidChangeEnableStates: () => off,
           logUsage: (name, data) => sender.sendEventData('a.b/' + name, data),
           logError: (name, data) => sender.sendEventData('a.b/' + name, data),
           dispose() {},
         }),
       },
       workspace: {
         getConfiguration: () => ({ get: () => undefined, inspect: () => undefined }),
         onDidChangeConfiguration: () => off,
       },
     };
     const load = Module._load;
     Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
     const { createTelemetry } = require(${JSON.stringify(join(process.cwd(), 'dist', 'index.js'))});
     const telemetry = createTelemetry(
       {
         subscriptions: [], globalStorageUri: { fsPath: ${JSON.stringify(machine.storage)} },
         globalState: { get() {}, update: async () => {} }, extension: { packageJSON: {} },
       },
       { endpoint: 'http://127.0.0.1:1', tier: 'free' },
     );
     telemetry.uiInteraction('click', 'x');
     if (process.argv[2] === 'exit') process.exit(0);`,
  );
  execFileSync(process.execPath, ['build.mjs'], { cwd: process.cwd() });
  for (const how of ['return', 'exit']) {
    const run = spawnSync(process.execPath, [script, how], { encoding: 'utf8', timeout: 5000 });
    expect({ how, code: run.status, out: run.stdout, err: run.stderr }).toEqual({ how, code: 0, out: '', err: '' });
  }
  expect(machine.envelopes.filter((name) => name.endsWith('.json'))).toHaveLength(2);
  expect(machine.stored).toContain('"cursor"');
});
