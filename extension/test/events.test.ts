import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Telemetry } from '../src/index';
import { Machine } from './helpers';
import { host, workspace } from './vscode';

let machine: Machine;
let telemetry: Telemetry;

beforeEach(async () => {
  machine = new Machine();
  await machine.receiver.start();
  telemetry = machine.open({ tier: 'paid', userId: 'alice' });
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

async function sent() {
  expect(await telemetry.flush()).toBe(true);
  return machine.receiver.events;
}

test('each event arrives with what the SPEC asks for', async () => {
  telemetry.install();
  telemetry.activate('/home/alice/project');
  telemetry.uiInteraction('click', 'open_panel');
  telemetry.codeInsert({ language: 'python', linesInserted: 12, completionAccepted: true });
  telemetry.contextSwitch({ fromBranch: 'main', toBranch: 'feature/x', filePath: '/srv/a.py' });
  telemetry.error(new TypeError('no'));

  const events = Object.fromEntries((await sent()).map((event) => [event.name, event.attributes]));
  expect(events['ext.install']).toMatchObject({
    'cortex.ide': 'vscode', 'cortex.ide.version': '1.126.0', 'cortex.extension.version': '2.3.4',
    'cortex.feature': 'vscode', 'cortex.result': 'success',
  });
  expect(events['ext.activate']).toMatchObject({
    'cortex.ide': 'vscode', 'cortex.project.path.length': 19,
    'cortex.project.path.hash': expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(events['ext.ui_interaction']).toMatchObject({
    'cortex.ui.action': 'click', 'cortex.ui.element': 'open_panel',
    'cortex.feature': 'click open_panel',
  });
  expect(events['ext.code_insert']).toMatchObject({
    'cortex.code.language': 'python', 'cortex.code.lines_inserted': 12,
    'cortex.code.completion_accepted': true, 'cortex.feature': 'python',
  });
  expect(events['ext.context_switch']).toMatchObject({
    'cortex.branch.from.length': 4, 'cortex.branch.to.length': 9, 'cortex.file.path.length': 9,
  });
  expect(events['ext.error']).toMatchObject({
    'cortex.error.type': 'TypeError', 'error.type': 'TypeError', 'cortex.result': 'error',
    'cortex.error.message.length': 2,
    'cortex.error.location': expect.stringMatching(/^TypeError at events\.test:<anonymous>:\d+$/),
  });
  for (const attributes of Object.values(events)) {
    expect(attributes).toMatchObject({
      'cortex.service': 'extension', 'cortex.user.tier': 'paid',
      'session.id': telemetry.status().sessionId,
      // printf alice | sha256sum
      'user.hash': '2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90',
      'log.record.uid': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  }
});

test('the resource says whose records these are', async () => {
  telemetry.uiInteraction('click', 'x');
  const [event] = await sent();
  expect(event?.resource).toMatchObject({
    'service.name': 'cortex-extension', 'service.version': '2.3.4', 'cortex.service': 'extension',
    'cortex.ide': 'vscode', 'cortex.extension.version': '2.3.4',
    'session.id': telemetry.status().sessionId, 'os.type': process.platform,
  });
});

test('install is recorded once on a machine', async () => {
  telemetry.install();
  telemetry.install();
  machine.open().install();
  expect((await sent()).filter((event) => event.name === 'ext.install')).toHaveLength(1);
});

test('the project is the first folder of the workspace', async () => {
  workspace.workspaceFolders = [{ uri: { fsPath: '/tmp/한글' } }];
  telemetry.activate();
  const [event] = await sent();
  expect(event?.attributes).toMatchObject({ 'cortex.project.path.length': 7 });
});

test('tier and user are asked for with each event', async () => {
  let tier: 'free' | 'paid' = 'free';
  let user: string | undefined;
  telemetry = machine.open({ tier: () => tier, userId: () => user });
  telemetry.uiInteraction('click', 'before');
  tier = 'paid';
  user = 'bob';
  telemetry.uiInteraction('click', 'after');
  const [before, after] = await sent();
  expect(before?.attributes['cortex.user.tier']).toBe('free');
  expect(before?.attributes).not.toHaveProperty('user.hash');
  expect(after?.attributes).toMatchObject({
    'cortex.user.tier': 'paid', 'user.hash': expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('what raises or makes no sense is left out and counted, and the rest recorded', async () => {
  const bad = machine.open({
    tier: (() => 'gold') as never,
    userId: () => 'carol',
  });
  bad.codeInsert({ language: '', linesInserted: -1, completionAccepted: 'yes' as never });
  bad.codeInsert({ linesInserted: Number.NaN } as never);
  bad.uiInteraction(undefined as never, 'x'.repeat(129));
  bad.codeInsert(undefined as never);
  await bad.flush();
  expect(machine.receiver.events).toHaveLength(4);
  expect(bad.status().rejectedValues).toMatchObject({
    'ext.code_insert.language': 1, 'ext.code_insert.linesInserted': 2,
    'ext.code_insert.completionAccepted': 1, 'ext.ui_interaction.element': 1, tier: 4,
  });
});

test('a label that is no name of a program is hashed', async () => {
  telemetry.uiInteraction('click', 'Alice Kim <alice@example.com>');
  telemetry.uiInteraction('click', 'sk-abcdefghijklmnop1234');
  for (const event of await sent()) {
    expect(event.attributes).not.toHaveProperty('cortex.ui.element');
    expect(event.attributes['cortex.ui.element.hash']).toMatch(/^[0-9a-f]{16}$/);
    expect(event.attributes['cortex.feature']).toBe('click');
  }
});

test('errors: time-outs, codes, chains, and what is no error at all', async () => {
  const timeout = new Error('late');
  timeout.name = 'TimeoutError';
  telemetry.error(timeout);
  telemetry.error(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
  telemetry.error(new RangeError('outer', { cause: new SyntaxError('inner') }));
  telemetry.error('just text');
  telemetry.error(undefined);
  telemetry.error({ get name() { throw new Error('getter'); } });
  telemetry.error(new Error('slow'), { type: 'RequestTimeout', result: 'timeout' });
  const types = (await sent()).map(({ attributes }) => [
    attributes['error.type'], attributes['cortex.result'],
  ]);
  expect(types).toEqual([
    ['TimeoutError', 'timeout'], ['ECONNREFUSED', 'error'], ['RangeError', 'error'],
    ['_OTHER', 'error'], ['_OTHER', 'error'], ['_OTHER', 'error'], ['RequestTimeout', 'timeout'],
  ]);
  expect(machine.receiver.events[2]?.attributes['cortex.error.location']).toMatch(
    /^RangeError at \S+:\d+ <- SyntaxError at \S+:\d+$/,
  );
});

test('the place of an error in the extension host of VS Code, which writes frames in its own way', async () => {
  const error = new RangeError('no');
  error.stack = 'RangeError: no\n\tat Timeout._onTimeout (/home/a/.vscode/extensions/x/dist/extension.js:22:50)';
  telemetry.error(error);
  host.throwUnhandled(error);
  const places = (await sent()).map((event) => event.attributes['cortex.error.location']);
  expect(places).toEqual(Array(2).fill('RangeError at extension:Timeout._onTimeout:22'));
});

test('an error that nobody caught is a crash, on disk before the editor goes on', async () => {
  await machine.receiver.stop();
  host.throwUnhandled(new ReferenceError('x is not defined'));
  expect(machine.envelopes).toHaveLength(1);
  await machine.receiver.start();
  const [event] = await sent();
  expect(event?.severityNumber).toBe(21);
  expect(event?.attributes).toMatchObject({
    'error.type': 'ReferenceError', 'cortex.error.crash': true,
  });
});

test('the user sees in the output channel what is recorded', () => {
  telemetry.uiInteraction('click', 'open_panel');
  expect(host.echo).toEqual([
    { name: 'ext.ui_interaction', data: expect.objectContaining({ 'cortex.ui.element': 'open_panel' }) },
  ]);
});
