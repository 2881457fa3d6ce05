/** The trace that the code runs in, so that a click and the tool call it causes are one. */
import { AsyncLocalStorage } from 'node:async_hooks';

import { type Context, isSpanContextValid, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';

import type { TraceContext } from './types';

/** Follows the code across `await`; our own, since OpenTelemetry's is every extension's. */
export class ActiveTrace {
  private readonly storage = new AsyncLocalStorage<Context>();

  get context(): Context {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }

  run<T>(span: Span, work: () => T): T {
    return this.storage.run(trace.setSpan(this.context, span), work);
  }

  get traceContext(): TraceContext {
    const span = trace.getSpanContext(this.context);
    if (span === undefined || !isSpanContextValid(span)) {
      return {};
    }
    const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0');
    const state = span.traceState?.serialize();
    return {
      traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
      ...(state ? { tracestate: state } : {}),
    };
  }
}
