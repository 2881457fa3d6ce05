/** Telemetry that records nothing and runs all work that it is given. */
import type { EventMethods } from './eventTypes';
import { EVENT_METHODS } from './semconv';
import type { Telemetry, TelemetryStatus } from './types';

/** @param problem why, as `status()` says it. */
export function disabled(problem: string): Telemetry {
  const nothing = (): void => undefined;
  const run = (_fields: object, work?: () => unknown): unknown => work?.();
  const status: TelemetryStatus = {
    level: 'off', problem, sessionId: '', queued: { envelopes: 0, bytes: 0 }, sent: 0, rejected: 0,
    dropped: {}, rejectedValues: {}, failures: 0, lastFailure: '', faults: 0,
  };
  return {
    install: nothing,
    activate: nothing,
    uiInteraction: <T>(_action: string, _element?: string, work?: () => T) => work?.() as T,
    ...(Object.fromEntries(EVENT_METHODS.map((name) => [name, run])) as unknown as EventMethods),
    error: nothing,
    traceContext: () => ({}),
    withTraceContext: (request) => request,
    status: () => status,
    flush: async () => true,
    deactivate: async () => undefined,
    dispose: nothing,
  };
}
