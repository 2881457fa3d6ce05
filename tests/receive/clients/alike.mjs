// Sends what looks alike once it is redacted, and values that JSON has trouble with.
// node alike.mjs URL (http|proto) (2.x|3.x); the packages of one line are beside it.
import {SpanStatusCode} from '@opentelemetry/api';
import {resourceFromAttributes} from '@opentelemetry/resources';
import {BatchLogRecordProcessor, LoggerProvider} from '@opentelemetry/sdk-logs';
import {MeterProvider, PeriodicExportingMetricReader} from '@opentelemetry/sdk-metrics';

const [url, format, line] = process.argv.slice(2);
const isThree = line === '3.x';
const sdk = await import(isThree ? '@opentelemetry/sdk-trace' : '@opentelemetry/sdk-trace-base');
const {OTLPTraceExporter} = await import(`@opentelemetry/exporter-trace-otlp-${format}`);
const {OTLPLogExporter} = await import(`@opentelemetry/exporter-logs-otlp-${format}`);
const {OTLPMetricExporter} = await import(`@opentelemetry/exporter-metrics-otlp-${format}`);

const resource = resourceFromAttributes({'service.name': 'js-client'});
const to = (signal) => ({url: `${url}/v1/${signal}`});

const exporter = new OTLPTraceExporter(to('traces'));
const spans = isThree
  ? new sdk.TracerProvider({resource, spanProcessors: [new sdk.BatchSpanProcessor({exporter})]})
  : new sdk.BasicTracerProvider({resource, spanProcessors: [new sdk.BatchSpanProcessor(exporter)]});
const tracer = spans.getTracer('probe');
const odd = [1e20, Number.MAX_VALUE, -1e300, 'cut \ud83d', '\udc00', NaN, Infinity, [1e20, null], [null]];
for (const value of [...odd, 'good']) {
  const span = tracer.startSpan('step', {attributes: {value, 'gen_ai.tool.name': String(value)}});
  span.setStatus({code: SpanStatusCode.OK});
  span.end();
}

const logs = new LoggerProvider({
  resource, processors: [new BatchLogRecordProcessor({exporter: new OTLPLogExporter(to('logs'))})],
});
const logger = logs.getLogger('probe');
const now = Date.now();
for (let number = 0; number < 10; number++) {
  logger.emit({timestamp: now, observedTimestamp: now, body: 'pressed', severityNumber: 9});
}

const reader = new PeriodicExportingMetricReader({exporter: new OTLPMetricExporter(to('metrics'))});
const meters = new MeterProvider({resource, readers: [reader]});
const counter = meters.getMeter('probe').createCounter('calls');
for (let number = 0; number < 40; number++) {
  counter.add(3, {tool: `t${number}`});
}
for (const provider of [spans, logs, meters]) {
  await provider.shutdown();
}
