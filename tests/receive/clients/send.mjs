// Sends spans, log records and metrics with OpenTelemetry JS, as its own documentation says.
// node send.mjs URL (http|proto) (gzip|none) (2.x|3.x); the packages of one line are beside it.
import {SpanKind, SpanStatusCode, context, trace} from '@opentelemetry/api';
import {resourceFromAttributes} from '@opentelemetry/resources';
import {BatchLogRecordProcessor, LoggerProvider} from '@opentelemetry/sdk-logs';
import {MeterProvider, PeriodicExportingMetricReader} from '@opentelemetry/sdk-metrics';

const [url, format, compression] = process.argv.slice(2);
const isThree = process.argv[5] === '3.x';
const sdk = await import(isThree ? '@opentelemetry/sdk-trace' : '@opentelemetry/sdk-trace-base');
const {OTLPTraceExporter} = await import(`@opentelemetry/exporter-trace-otlp-${format}`);
const {OTLPLogExporter} = await import(`@opentelemetry/exporter-logs-otlp-${format}`);
const {OTLPMetricExporter} = await import(`@opentelemetry/exporter-metrics-otlp-${format}`);

const resource = resourceFromAttributes({
  'service.name': 'js-client', 'cortex.service': 'extension', 'cortex.user.tier': 'trial',
  'session.id': '0f4c3a5e8f5e4f0e9a536f2b2c0d8a11',
});
const to = (signal) => ({url: `${url}/v1/${signal}`, compression});

const exporter = new OTLPTraceExporter(to('traces'));
const spans = isThree
  ? new sdk.TracerProvider({resource, spanProcessors: [new sdk.BatchSpanProcessor({exporter})]})
  : new sdk.BasicTracerProvider({resource, spanProcessors: [new sdk.BatchSpanProcessor(exporter)]});
const tracer = spans.getTracer('probe', '1.2.3');
const parent = tracer.startSpan('handle', {kind: SpanKind.SERVER, attributes: {'user.id': 'joe'}});
const inside = trace.setSpan(context.active(), parent);
for (let number = 0; number < 20; number++) {
  const child = tracer.startSpan('step', {attributes: {
    'gen_ai.operation.name': 'chat', 'http.response.status_code': 200.0, number,
    list: ['a', 'b'], ratio: 0.5, deep: true,
  }}, inside);
  if (number === 7) {
    child.recordException(new RangeError('secret words'));
    child.setStatus({code: SpanStatusCode.ERROR, message: 'secret words'});
  }
  child.end();
}
parent.end();

const logs = new LoggerProvider({
  resource, processors: [new BatchLogRecordProcessor({exporter: new OTLPLogExporter(to('logs'))})],
});
const logger = logs.getLogger('probe');
for (let number = 0; number < 10; number++) {
  logger.emit({
    eventName: 'ext.code_insert', timestamp: Date.now(), context: inside, attributes: {
      'cortex.code.language': 'typescript', 'cortex.code.lines_inserted': 2.0,
      'log.record.uid': `id-${number}`,
    },
  });
}
logger.emit({body: 'secret words', severityNumber: 13});

const reader = new PeriodicExportingMetricReader({exporter: new OTLPMetricExporter(to('metrics'))});
const meters = new MeterProvider({resource, readers: [reader]});
const meter = meters.getMeter('probe');
meter.createCounter('clicks').add(3, {secret: 'words'});
meter.createHistogram('took', {unit: 'ms'}).record(12.5);

// As programs do at their end; the second sends cumulative metrics again.
for (const provider of [spans, logs, meters]) {
  await provider.forceFlush();
  await provider.shutdown();
}
