import { afterEach, beforeEach, expect, test } from 'vitest';

import { Machine, until } from './helpers';
import { host } from './vscode';

const SETTING = 'cortex.telemetry.enabled';
let machine: Machine;

beforeEach(async () => {
  machine = new Machine();
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

/** A window with one event of use and one error on disk, and a receiver that is down. */
async function filled() {
  const telemetry = machine.open({}, { minDelayMs: 60_000, maxDelayMs: 60_000 });
  telemetry.uiInteraction('click', 'kept_before');
  telemetry.error(new Error('kept before'));
  await telemetry.flush();
  expect(machine.envelopes).toHaveLength(2);
  telemetry.uiInteraction('click', 'in_memory');
  telemetry.error(new Error('in memory'));
  return telemetry;
}

test('off: nothing is kept, and the queue is deleted at once', async () => {
  const telemetry = await filled();
  host.setLevel('off');
  expect(machine.envelopes).toEqual([]);
  expect(machine.stored).toBe('');
  await telemetry.flush();
  telemetry.uiInteraction('click', 'after');
  telemetry.error(new Error('after'), { crash: true });
  host.throwUnhandled(new Error('after'));
  telemetry.dispose();
  expect(machine.stored).toBe('');
});

test('off by the own setting, although the editor allows it', async () => {
  const telemetry = await filled();
  host.configure(SETTING, false);
  expect(telemetry.status().level).toBe('off');
  expect(machine.stored).toBe('');
  telemetry.uiInteraction('click', 'after');
  host.throwUnhandled(new Error('after'));
  telemetry.dispose();
  expect(machine.stored).toBe('');
});

test('off by the editor, although the own setting allows it', () => {
  host.level = 'off';
  host.configuration[SETTING] = true;
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  telemetry.error(new Error('x'), { crash: true });
  expect(telemetry.status().level).toBe('off');
  expect(machine.stored).toBe('');
});

test('level error: errors go, use does not, and what was queued of it is deleted', async () => {
  const telemetry = await filled();
  host.setLevel('error');
  expect(machine.envelopes.map((name) => name.includes('.error.'))).toEqual([true]);
  telemetry.uiInteraction('click', 'after');
  telemetry.error(new Error('after'));
  telemetry.dispose();

  await machine.receiver.start();
  machine.open();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  const lengths = machine.receiver.events.map((event) => [
    event.name, event.attributes['cortex.error.message.length'],
  ]);
  expect(lengths).toEqual([['ext.error', 11], ['ext.error', 9], ['ext.error', 5]]);
});

test('at level error a new window sends errors alone', async () => {
  await machine.receiver.start();
  host.level = 'error';
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  telemetry.install();
  telemetry.error(new Error('x'));
  expect(telemetry.uiInteraction('click', 'x', () => telemetry.traceContext())).toEqual({});
  await telemetry.flush();
  expect(machine.receiver.events.map((event) => event.name)).toEqual(['ext.error']);
});

test('level crash of the editor is off for us', () => {
  host.level = 'crash';
  const telemetry = machine.open();
  telemetry.error(new Error('x'), { crash: true });
  expect(machine.stored).toBe('');
});

test('own setting: error, words that are no yes, and none contributed', () => {
  const levelOf = (value: unknown) => {
    host.configuration[SETTING] = value;
    const telemetry = machine.open();
    telemetry.dispose();
    return telemetry.status().level;
  };
  expect([undefined, true, 'all', 'error', 'off', false, null, 'nope', 0].map(levelOf)).toEqual([
    'all', 'all', 'all', 'error', 'off', 'off', 'off', 'off', 'off',
  ]);
  host.configuration = { 'other.setting': false };
  expect(machine.open({ setting: 'other.setting' }).status().level).toBe('off');
  expect(machine.open({ setting: '' }).status().level).toBe('all');
});

test('on again: only what happens from then on', async () => {
  await machine.receiver.start();
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'before');
  host.setLevel('off');
  telemetry.uiInteraction('click', 'while_off');
  host.setLevel('all');
  telemetry.uiInteraction('click', 'after');
  await telemetry.flush();
  expect(machine.receiver.events.map((event) => event.attributes['cortex.ui.element'])).toEqual(['after']);
});

test('consent that ends while an envelope is written or sent leaves nothing behind', async () => {
  await machine.receiver.start();
  machine.receiver.answer = () => 'hang';
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'sending');
  void telemetry.flush();
  await until(() => machine.receiver.requests.length === 1, 'it is on its way');
  telemetry.uiInteraction('click', 'writing');
  void telemetry.flush();
  host.setLevel('off');
  expect(machine.stored).toBe('');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(machine.stored).toBe('');
  expect(machine.receiver.requests).toHaveLength(1);
});

test('consent that ends while the work of a click runs: the work goes on, the click is not kept', async () => {
  const telemetry = machine.open();
  const result = await telemetry.uiInteraction('click', 'x', async () => {
    host.setLevel('off');
    await Promise.resolve();
    return 'done';
  });
  expect(result).toBe('done');
  await telemetry.flush();
  expect(machine.stored).toBe('');
});

test('and not when consent is back before the work ends', async () => {
  const telemetry = machine.open();
  await telemetry.uiInteraction('click', 'x', async () => {
    host.setLevel('off');
    host.setLevel('all');
  });
  await telemetry.flush();
  expect(machine.envelopes).toEqual([]);
});

test('a window that opens while telemetry is off deletes what an earlier one left', async () => {
  const telemetry = await filled();
  telemetry.dispose();
  expect(machine.envelopes.length).toBeGreaterThan(0);
  host.level = 'off';
  machine.open();
  expect(machine.envelopes).toEqual([]);
});

test('off deletes what another window has written since', async () => {
  const one = machine.open();
  const other = machine.open();
  one.uiInteraction('click', 'x');
  await one.flush();
  expect(machine.envelopes).toHaveLength(1);
  other.dispose();
  host.configure(SETTING, false);
  expect(machine.envelopes).toEqual([]);
});

test('after dispose nothing listens to the editor', () => {
  const before = process.listenerCount('exit');
  const telemetry = machine.open();
  expect(host.listeners).toBeGreaterThan(0);
  expect(process.listenerCount('exit')).toBe(before + 1);
  telemetry.dispose();
  expect(host.listeners).toBe(0);
  expect(process.listenerCount('exit')).toBe(before);
});
