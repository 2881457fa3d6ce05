import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { retryAfterMs } from '../src/sender';
import { type Answer, eventsOf, Machine, until } from './helpers';

let machine: Machine;

beforeEach(async () => {
  machine = new Machine();
  await machine.receiver.start();
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

const uids = (bodies: string[]) =>
  bodies.flatMap((body) => eventsOf(body).map((event) => event.attributes['log.record.uid']));

test('an envelope is on disk before it is sent, and gone once it is stored', async () => {
  let onDisk: string[] = [];
  machine.receiver.answer = () => {
    onDisk = machine.envelopes.map((name) => readFileSync(join(machine.outbox, name), 'utf8'));
    return { status: 200 };
  };
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  expect(await telemetry.flush()).toBe(true);
  expect(onDisk).toEqual(machine.receiver.requests.map((request) => request.body));
  expect(machine.envelopes).toEqual([]);
  expect(telemetry.status()).toMatchObject({ sent: 1, failures: 0, queued: { envelopes: 0 } });
});

test('it is sent without being asked', async () => {
  machine.open().uiInteraction('click', 'x');
  await until(() => machine.receiver.events.length === 1, 'the event arrived');
});

test('a request is OTLP JSON, with the token where there is one', async () => {
  const telemetry = machine.open({ token: 'a-token-of-the-operator' });
  telemetry.uiInteraction('click', 'x');
  await telemetry.flush();
  const [request] = machine.receiver.requests;
  expect(request?.path).toBe('/v1/logs');
  expect(request?.headers).toMatchObject({
    'content-type': 'application/json', authorization: 'Bearer a-token-of-the-operator',
  });
});

test('receiver down, up again: everything arrives once, oldest first', async () => {
  await machine.receiver.stop();
  const telemetry = machine.open();
  for (let index = 0; index < 5; index += 1) {
    telemetry.codeInsert({ language: 'python', linesInserted: index });
    await telemetry.flush();
  }
  expect(machine.envelopes).toHaveLength(5);
  await machine.receiver.start();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  const lines = machine.receiver.events.map((event) => event.attributes['cortex.code.lines_inserted']);
  expect(lines).toEqual([0, 1, 2, 3, 4]);
  expect(telemetry.status()).toMatchObject({ sent: 5, lastFailure: 'ECONNREFUSED' });
});

test('a window that was killed: the next one sends its envelopes with the same ids', async () => {
  await machine.receiver.stop();
  const killed = machine.open();
  killed.uiInteraction('click', 'x');
  killed.error(new Error('crash'), { crash: true });
  const left = uids(machine.envelopes.map((name) => readFileSync(join(machine.outbox, name), 'utf8')));
  expect(left).toHaveLength(2);
  killed.dispose();

  await machine.receiver.start();
  machine.open();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  expect(uids(machine.receiver.requests.map((request) => request.body)).sort()).toEqual(left.sort());
});

test('an answer that was lost on the way: sent again under the same id', async () => {
  let answers = 0;
  machine.receiver.answer = () => {
    answers += 1;
    return answers === 1 ? 'reset' : { status: 200 };
  };
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  await telemetry.flush();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  const sent = uids(machine.receiver.requests.map((request) => request.body));
  expect(sent).toHaveLength(2);
  expect(new Set(sent).size).toBe(1);
});

for (const status of [429, 502, 503, 504]) {
  test(`${status} is tried again`, async () => {
    let answers = 0;
    machine.receiver.answer = () => {
      answers += 1;
      return answers < 3 ? { status, body: '{"message":"later"}' } : { status: 200 };
    };
    const telemetry = machine.open();
    telemetry.uiInteraction('click', 'x');
    await telemetry.flush();
    await until(() => machine.envelopes.length === 0, 'the outbox is empty');
    expect(telemetry.status()).toMatchObject({ sent: 1, failures: 2, lastFailure: `status ${status}` });
  });
}

test('Retry-After is honoured', async () => {
  machine.receiver.answer = () =>
    machine.receiver.requests.length === 1
      ? { status: 503, headers: { 'Retry-After': '1' } }
      : { status: 200 };
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  const start = Date.now();
  await telemetry.flush();
  telemetry.uiInteraction('click', 'y'); // does not hurry it
  await until(() => telemetry.status().sent === 2, 'both were sent');
  expect(Date.now() - start).toBeGreaterThanOrEqual(1000);
  expect(machine.receiver.requests).toHaveLength(3);
});

test('a window that closes keeps to Retry-After, and leaves the rest on disk', async () => {
  machine.receiver.answer = () => ({ status: 429, headers: { 'Retry-After': '60' } });
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  await telemetry.flush();
  telemetry.uiInteraction('click', 'y');
  await telemetry.deactivate();
  expect(machine.receiver.requests).toHaveLength(1);
  expect(machine.envelopes).toHaveLength(2);
});

test('Retry-After in all its forms', () => {
  const now = Date.parse('2026-11-25T12:00:00Z');
  expect(retryAfterMs(undefined, now)).toBeUndefined();
  expect(retryAfterMs('7', now)).toBe(7000);
  expect(retryAfterMs('Wed, 25 Nov 2026 12:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Wed, 25 Nov 2026 11:00:00 GMT', now)).toBe(0);
  expect(retryAfterMs('999999999', now)).toBe(3_600_000);
  expect(retryAfterMs('soon', now)).toBeUndefined();
});

for (const status of [400, 413, 415, 500]) {
  test(`${status} of an OTLP receiver is final: dropped, counted, not tried again`, async () => {
    machine.receiver.answer = () =>
      machine.receiver.requests.length === 1 ? { status, body: '{"code":3,"message":"no"}' } : { status: 200 };
    const telemetry = machine.open();
    telemetry.uiInteraction('click', 'refused');
    await telemetry.flush();
    telemetry.uiInteraction('click', 'next');
    expect(await telemetry.flush()).toBe(true);
    expect(telemetry.status()).toMatchObject({ sent: 1, dropped: { refused: 1 } });
    expect(machine.receiver.requests).toHaveLength(2);
  });
}

test('401: kept, and not tried again until the next start', async () => {
  machine.receiver.answer = () => ({ status: 401, body: '{"message":"token"}' });
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  expect(await telemetry.flush()).toBe(false);
  telemetry.uiInteraction('click', 'y');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(machine.receiver.requests).toHaveLength(1);
  expect(machine.envelopes).toHaveLength(2);

  machine.receiver.answer = () => ({ status: 200 });
  machine.open({ token: 'the-right-one-this-time' });
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
});

test('what the receiver rejects one by one is counted', async () => {
  machine.receiver.answer = () => ({
    status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"refused"}}',
  });
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  telemetry.uiInteraction('click', 'y');
  await telemetry.flush();
  expect(telemetry.status()).toMatchObject({ sent: 1, rejected: 1, queued: { envelopes: 0 } });
});

const NONSENSE: Record<string, Answer> = {
  'a web page': { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<h1>It works!</h1>' },
  'a web page for an error': { status: 404, headers: { 'Content-Type': 'text/html' }, body: '<h1>No</h1>' },
  'broken JSON': { status: 200, body: '{"partialSucc' },
  'a JSON list': { status: 200, body: '[]' },
  'a redirect': { status: 302, headers: { Location: 'http://example.invalid/' } },
  'a megabyte': { status: 200, body: `{"x":"${'x'.repeat(1_000_000)}"}` },
  'JSON of another server': { status: 404, body: '{"error":"no such page"}' },
};
for (const [what, answer] of Object.entries(NONSENSE)) {
  test(`whoever answers ${what} is not our receiver: kept`, async () => {
    machine.receiver.answer = () => answer;
    const telemetry = machine.open();
    telemetry.uiInteraction('click', 'x');
    expect(await telemetry.flush()).toBe(false);
    expect(machine.envelopes).toHaveLength(1);
    machine.receiver.answer = () => ({ status: 200 });
    await until(() => machine.envelopes.length === 0, 'the outbox is empty');
    expect(telemetry.status()).toMatchObject({ sent: 1, dropped: {} });
  });
}

test('a receiver that never answers costs one request at a time', async () => {
  machine.receiver.answer = () => 'hang';
  const telemetry = machine.open({}, { timeoutMs: 300 });
  for (let index = 0; index < 20; index += 1) {
    telemetry.uiInteraction('click', 'x');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(() => telemetry.status().failures >= 1, 'it timed out');
  expect(telemetry.status().lastFailure).toBe('timeout');
  expect(machine.receiver.requests.length).toBeLessThanOrEqual(telemetry.status().failures + 1);
});

test('the cap on size: the oldest go first, errors last, and each is counted', async () => {
  await machine.receiver.stop();
  const telemetry = machine.open({}, { maxEnvelopes: 3, minDelayMs: 60_000, maxDelayMs: 60_000 });
  telemetry.error(new Error('first'));
  await telemetry.flush();
  for (let index = 0; index < 5; index += 1) {
    telemetry.uiInteraction('click', `element_${index}`);
    await telemetry.flush();
  }
  expect(machine.envelopes).toHaveLength(3);
  expect(machine.envelopes.filter((name) => name.includes('.error.'))).toHaveLength(1);
  expect(machine.stored).not.toContain('element_0');
  expect(machine.stored).toContain('element_4');
  expect(telemetry.status().dropped).toEqual({ size: 3 });
});

test('the cap on bytes', async () => {
  await machine.receiver.stop();
  const telemetry = machine.open({}, { maxBytes: 5000 });
  for (let index = 0; index < 10; index += 1) {
    telemetry.uiInteraction('click', `element_${index}`);
    await telemetry.flush();
  }
  expect(telemetry.status().queued.bytes).toBeLessThanOrEqual(5000);
  expect(telemetry.status().queued.envelopes).toBe(machine.envelopes.length);
  expect(machine.stored).toContain('element_9');
});

test('the cap on age', async () => {
  mkdirSync(machine.outbox, { recursive: true });
  const old = Date.now() - 8 * 24 * 3_600_000;
  writeFileSync(join(machine.outbox, `${old}-999999-1-7.usage.logs.json`), '{"resourceLogs":[]}');
  const telemetry = machine.open();
  expect(machine.envelopes).toEqual([]);
  expect(telemetry.status().dropped).toEqual({ age: 7 });
});

test('half an envelope, and files of others, do no harm', async () => {
  mkdirSync(machine.outbox, { recursive: true });
  writeFileSync(join(machine.outbox, `${Date.now()}-999999-1-3.usage.logs.json`), '{"resourceLo');
  writeFileSync(join(machine.outbox, 'notes.txt'), 'mine');
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  expect(await telemetry.flush()).toBe(true);
  expect(telemetry.status()).toMatchObject({ sent: 1, dropped: { unreadable: 3 } });
  expect(machine.envelopes).toEqual(['notes.txt']);
});

test('an envelope of a window that is still open is left to it for a while', async () => {
  mkdirSync(machine.outbox, { recursive: true });
  const name = `${Date.now()}-${process.ppid}-1-1.usage.logs.json`;
  writeFileSync(join(machine.outbox, name), '{"resourceLogs":[]}');
  await machine.open().flush();
  expect(machine.envelopes).toEqual([name]);
  await machine.open({}, { orphanAgeMs: -1 }).flush();
  expect(machine.envelopes).toEqual([]);
});

test('deactivate takes less than a second and leaves the rest on disk', async () => {
  machine.receiver.answer = () => 'hang';
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  const start = Date.now();
  await telemetry.deactivate();
  expect(Date.now() - start).toBeLessThan(1000);
  expect(machine.envelopes).toHaveLength(1);
  telemetry.uiInteraction('click', 'too late');
  telemetry.dispose();
  await telemetry.deactivate();
  expect(machine.stored).not.toContain('too late');
});

test('deactivate sends what a receiver takes', async () => {
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  await telemetry.deactivate();
  expect(machine.receiver.events).toHaveLength(1);
  expect(machine.envelopes).toEqual([]);
});

test('a host that only disposes: on disk when dispose returns', async () => {
  await machine.receiver.stop();
  const telemetry = machine.open();
  telemetry.uiInteraction('click', 'x');
  telemetry.dispose();
  expect(machine.envelopes).toHaveLength(1);
});

test('a burst of 10,000 is taken without waiting, and none of it lost', async () => {
  const telemetry = machine.open();
  const start = Date.now();
  for (let index = 0; index < 10_000; index += 1) {
    telemetry.uiInteraction('click', 'x');
  }
  const perEventMs = (Date.now() - start) / 10_000;
  await telemetry.flush();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  const { sent, dropped } = telemetry.status();
  expect({ sent, dropped }).toEqual({ sent: 10_000, dropped: {} });
  expect(perEventMs).toBeLessThan(2);
  console.log(`10,000 events in one go: ${(perEventMs * 1000).toFixed(0)} µs each`);
});

test('what is too much even so is dropped and counted, and memory stays bounded', async () => {
  const telemetry = machine.open({}, { maxPendingBytes: 500_000 });
  for (let index = 0; index < 5000; index += 1) {
    telemetry.uiInteraction('click', 'x');
  }
  await telemetry.flush();
  await until(() => machine.envelopes.length === 0, 'the outbox is empty');
  const { sent, dropped } = telemetry.status();
  expect(dropped['overload']).toBeGreaterThan(0);
  expect(sent + (dropped['overload'] ?? 0)).toBe(5000);
});
