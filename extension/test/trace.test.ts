import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Telemetry } from '../src/index';
import { Machine } from './helpers';

let machine: Machine;
let telemetry: Telemetry;

beforeEach(async () => {
  machine = new Machine();
  await machine.receiver.start();
  telemetry = machine.open({ userId: 'alice' });
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

async function sent() {
  await telemetry.flush();
  return machine.receiver.events;
}
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a click with its work is a span with the duration and outcome of the work', async () => {
  const result = await telemetry.uiInteraction('click', 'search', async () => {
    await wait(30);
    return 42;
  });
  expect(result).toBe(42);
  const [event] = await sent();
  expect(machine.receiver.requests[0]?.path).toBe('/v1/traces');
  expect(event).toMatchObject({ kind: 'span', name: 'ext.ui_interaction' });
  expect(event?.attributes).toMatchObject({
    'cortex.event.type': 'ext.ui_interaction', 'cortex.result': 'success',
    'cortex.feature': 'click search', 'cortex.user.tier': 'free',
    'session.id': telemetry.status().sessionId, 'user.hash': expect.any(String),
  });
  expect(event?.attributes).not.toHaveProperty('log.record.uid');
  const duration = Number(BigInt(event?.endTimeUnixNano ?? 0) - BigInt(event?.timeUnixNano ?? 0)) / 1e6;
  expect(duration).toBeGreaterThanOrEqual(25);
  expect(duration).toBeLessThan(5000);
});

test('what happens in the work is in its trace, across await and timers', async () => {
  let traceparent: string | undefined;
  await telemetry.uiInteraction('click', 'outer', async () => {
    await wait(1);
    telemetry.codeInsert({ language: 'go' });
    await telemetry.uiInteraction('click', 'inner', async () => {
      await wait(1);
      ({ traceparent } = telemetry.traceContext());
    });
  });
  telemetry.codeInsert({ language: 'rust' });
  const events = await sent();
  const byName = (name: string) => events.find((event) => Object.values(event.attributes).includes(name));
  const [outer, inner, go, rust] = ['outer', 'inner', 'go', 'rust'].map(byName);
  expect(inner).toMatchObject({ traceId: outer?.traceId, parentSpanId: outer?.spanId });
  expect(go).toMatchObject({ traceId: outer?.traceId, spanId: outer?.spanId });
  expect(traceparent).toBe(`00-${inner?.traceId}-${inner?.spanId}-01`);
  expect(rust?.traceId ?? '').toBe('');
});

test('two clicks at once keep their traces apart', async () => {
  const contexts = await Promise.all(
    ['a', 'b'].map((element) =>
      telemetry.uiInteraction('click', element, async () => {
        await wait(5);
        return telemetry.traceContext().traceparent;
      }),
    ),
  );
  const events = await sent();
  for (const [index, element] of ['a', 'b'].entries()) {
    const click = events.find((event) => event.attributes['cortex.ui.element'] === element);
    expect(contexts[index]).toContain(click?.traceId);
  }
  expect(events[0]?.traceId).not.toBe(events[1]?.traceId);
});

test('an MCP request carries the trace in _meta, and keeps what it had', () => {
  const request = { name: 'search_context', arguments: { query: 'x' }, _meta: { progressToken: 7 } };
  telemetry.uiInteraction('click', 'search', () => {
    const traced = telemetry.withTraceContext(request);
    expect(traced).toEqual({
      ...request,
      _meta: { progressToken: 7, traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) },
    });
  });
  expect(telemetry.withTraceContext(request)).toBe(request);
  expect(request._meta).toEqual({ progressToken: 7 });
  expect(telemetry.traceContext()).toEqual({});
});

test('the work is called once, and what it throws goes on untouched', async () => {
  const error = new RangeError('mine');
  let calls = 0;
  const fail = (): never => {
    calls += 1;
    throw error;
  };
  expect(() => telemetry.uiInteraction('click', 'sync', fail)).toThrow(error);
  await expect(telemetry.uiInteraction('click', 'async', async () => fail())).rejects.toBe(error);
  expect(calls).toBe(2);
  for (const event of await sent()) {
    expect(event.attributes).toMatchObject({
      'cortex.result': 'error', 'error.type': 'RangeError',
      'cortex.error.location': expect.stringMatching(/^RangeError at trace\.test:/),
    });
  }
});

test('outcomes: a time-out, and a user who changes their mind', async () => {
  const named = (name: string) => Object.assign(new Error('x'), { name });
  for (const name of ['TimeoutError', 'AbortError', 'Canceled']) {
    await telemetry.uiInteraction('click', name, async () => { throw named(name); }).catch(() => undefined);
  }
  expect((await sent()).map((event) => event.attributes['cortex.result'])).toEqual([
    'timeout', 'cancelled', 'cancelled',
  ]);
});

test('a rejection that nobody handles still is one', async () => {
  const seen: unknown[] = [];
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => seen.push(reason));
  const error = new Error('nobody cares');
  void telemetry.uiInteraction('click', 'x', () => Promise.reject(error));
  await wait(20);
  process.removeAllListeners('unhandledRejection');
  for (const listener of listeners) {
    process.on('unhandledRejection', listener as never);
  }
  expect(seen).toEqual([error]);
});

test('an object that only looks like a promise is passed on as it is, and not run', () => {
  let runs = 0;
  const lazy = { then: () => { runs += 1; } };
  expect(telemetry.uiInteraction('click', 'x', () => lazy)).toBe(lazy);
  expect(runs).toBe(0);
});

test('OpenTelemetry of another extension in the same host is left alone', async () => {
  const { trace, context, logs } = await import('@opentelemetry/api');
  await telemetry.uiInteraction('click', 'x', async () => {
    expect(trace.getActiveSpan()).toBeUndefined();
    expect(trace.getTracer('other').startSpan('x').isRecording()).toBe(false);
    expect(context.active()).toBeDefined();
    expect(logs.getLogger('other').enabled?.({}) ?? false).toBe(false);
  });
});
