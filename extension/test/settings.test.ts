/** Whose word counts: the user's own settings, and not those that come with a repository. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Machine, Receiver, until } from './helpers';
import { host, workspace } from './vscode';

const ENABLED = 'cortex.telemetry.enabled';
const ENDPOINT = 'cortex.telemetry.endpoint';
const WORDS = [undefined, true, 'all', 'error', false, 'off', 'nope'] as const;
let machine: Machine;

beforeEach(() => {
  machine = new Machine();
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

function levelOf(word: unknown): 'all' | 'error' | 'off' {
  return word === undefined || word === true || word === 'all' ? 'all' : word === 'error' ? 'error' : 'off';
}

/** The stricter of two. */
function stricter(one: string, other: string): string {
  return ['off', 'error', 'all'].find((level) => level === one || level === other) ?? '';
}

const REPOSITORY = ['workspaceValue', 'workspaceFolderValue', 'globalRemoteValue'] as const;
for (const layer of REPOSITORY) {
  test(`what ${layer} says can only restrict what the user says`, () => {
    const telemetry = machine.open();
    for (const user of WORDS) {
      for (const repository of WORDS) {
        host.layers[ENABLED] = { defaultValue: true, globalLocalValue: user, [layer]: repository };
        expect(telemetry.status().level, `${user} ${repository}`).toBe(
          stricter(levelOf(user), levelOf(repository)),
        );
      }
    }
  });

  test(`where it is off by default, ${layer} doesn't switch on what the user hasn't`, () => {
    const telemetry = machine.open();
    host.layers[ENABLED] = { defaultValue: false, [layer]: true };
    expect(telemetry.status().level).toBe('off');
    host.layers[ENABLED] = { defaultValue: false, globalLocalValue: true, [layer]: true };
    expect(telemetry.status().level).toBe('all');
  });
}

test('the user may switch on what is off by default', () => {
  host.layers[ENABLED] = { defaultValue: false, globalLocalValue: 'error' };
  expect(machine.open().status().level).toBe('error');
});

test("a policy's off holds against the user's on, and the user's off against a policy's on", () => {
  const telemetry = machine.open();
  host.layers[ENABLED] = { policyValue: false, globalLocalValue: true };
  expect(telemetry.status().level).toBe('off');
  host.layers[ENABLED] = { policyValue: true, globalLocalValue: false };
  expect(telemetry.status().level).toBe('off');
});

test('a value for one language restricts too, whoever says it, and widens nothing', () => {
  const telemetry = machine.open();
  for (const layer of ['globalLocalLanguageValue', 'globalRemoteLanguageValue', 'workspaceLanguageValue']) {
    host.layers[ENABLED] = { globalLocalValue: true, languages: { python: { [layer]: false } } };
    expect(telemetry.status().level, layer).toBe('off');
    host.layers[ENABLED] = { globalLocalValue: false, languages: { python: { [layer]: true } } };
    expect(telemetry.status().level, layer).toBe('off');
  }
});

test('one folder of several restricts, and widens nothing', () => {
  workspace.workspaceFile = { fsPath: '/several.code-workspace' };
  workspace.workspaceFolders = ['/a', '/b'].map((fsPath) => ({ uri: { fsPath } }));
  const telemetry = machine.open();
  host.layers[ENABLED] = { globalLocalValue: true, folders: { '/b': false } };
  expect(telemetry.status().level).toBe('off');
  host.layers[ENABLED] = { globalLocalValue: false, folders: { '/b': true } };
  expect(telemetry.status().level).toBe('off');
});

test('no layer widens what the editor allows', () => {
  host.level = 'error';
  host.layers[ENABLED] = { globalLocalValue: 'all', workspaceValue: 'all' };
  const telemetry = machine.open();
  expect(telemetry.status().level).toBe('error');
  host.level = 'off';
  expect(telemetry.status().level).toBe('off');
});

test("a repository's off that comes later deletes what waits; its on records nothing", async () => {
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  await telemetry.flush();
  expect(machine.envelopes).toHaveLength(1);
  host.setLayers(ENABLED, { workspaceValue: false });
  expect(machine.envelopes).toEqual([]);
  host.setLayers(ENABLED, { globalLocalValue: false, workspaceValue: true });
  telemetry.uiInteraction('click', 'x');
  await telemetry.flush();
  expect(machine.stored).toBe('');
});

test("a repository's off leaves what other windows wrote to them, and the user's doesn't", async () => {
  mkdirSync(machine.outbox, { recursive: true });
  const others = ['usage', 'error'].map((kind, index) => `${Date.now()}-999999-${index}-1.${kind}.logs.json`);
  others.forEach((name) => writeFileSync(join(machine.outbox, name), '{"resourceLogs":[]}'));
  const telemetry = machine.open({}, { minDelayMs: 60_000, maxDelayMs: 60_000 });
  telemetry.contextSwitch({ filePath: '/x' });
  await telemetry.flush();
  expect(machine.envelopes).toHaveLength(3);

  host.setLayers(ENABLED, { workspaceValue: false });
  expect(machine.envelopes).toEqual(others.sort());
  expect(telemetry.status().queued.envelopes).toBe(0);
  expect(readdirSync(dirname(machine.outbox))).toContain('text-hash.key');
  machine.open();
  expect(machine.envelopes).toEqual(others.sort());

  host.setLayers(ENABLED, { workspaceValue: false, globalLocalValue: 'error' });
  expect(machine.open().status().level).toBe('off');
  expect(machine.envelopes.map((name) => name.includes('.error.'))).toEqual([true]);

  host.setLayers(ENABLED, { globalLocalValue: false });
  machine.open();
  expect(machine.stored).toBe('');
});

test('the endpoint is where the user says, and no repository sends it elsewhere', async () => {
  const theirs = await new Receiver().start();
  await machine.receiver.start();
  const { endpoint } = machine.receiver;
  for (const layer of REPOSITORY) {
    for (const user of [{ globalLocalValue: endpoint }, { defaultValue: endpoint }]) {
      host.layers[ENDPOINT] = { ...user, [layer]: theirs.endpoint };
      // Even where the extension's code reads the setting as the editor gives it.
      const telemetry = machine.open({ endpoint: theirs.endpoint });
      telemetry.uiInteraction('click', 'x');
      expect(await telemetry.flush()).toBe(true);
    }
  }
  expect(machine.receiver.events).toHaveLength(6);
  expect(theirs.requests).toEqual([]);
  await theirs.stop();
});

test('another name for the setting of the endpoint, and none', async () => {
  await machine.receiver.start();
  host.layers['other.endpoint'] = { globalLocalValue: machine.receiver.endpoint };
  host.layers[ENDPOINT] = { globalLocalValue: 'http://127.0.0.1:1' };
  const other = machine.open({ endpoint: 'http://127.0.0.1:1', endpointSetting: 'other.endpoint' });
  const none = machine.open({ endpointSetting: '' });
  other.uiInteraction('click', 'x');
  none.uiInteraction('click', 'x');
  expect(await other.flush()).toBe(true);
  expect(await none.flush()).toBe(true);
  expect(machine.receiver.events).toHaveLength(2);
});

test('a new endpoint is followed at once, however long the old one was silent', async () => {
  await machine.receiver.start();
  host.configuration[ENDPOINT] = 'http://127.0.0.1:1';
  const telemetry = machine.open({}, { minDelayMs: 60_000, maxDelayMs: 60_000 });
  telemetry.uiInteraction('click', 'x');
  expect(await telemetry.flush()).toBe(false);
  host.configure(ENDPOINT, machine.receiver.endpoint);
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  expect(machine.receiver.events).toHaveLength(1);
});

test("a user's endpoint on another machine: kept until it is mended, and said", async () => {
  await machine.receiver.start();
  host.configuration[ENDPOINT] = 'http://telemetry.example.com:4318';
  const telemetry = machine.open({}, { minDelayMs: 60_000, maxDelayMs: 60_000 });
  telemetry.uiInteraction('click', 'x');
  expect(await telemetry.flush()).toBe(false);
  expect(telemetry.status().problem).toContain('must be an http URL of this machine');
  expect(telemetry.status().lastFailure).toBe('endpoint');
  host.configure(ENDPOINT, machine.receiver.endpoint);
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  expect(telemetry.status()).toMatchObject({ problem: '', sent: 1, dropped: {} });
});
