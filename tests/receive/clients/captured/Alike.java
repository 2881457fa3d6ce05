import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

// Sends what once collapsed: 40 points of one counter that differ in a label, ten equal log records
// of one moment, and spans of which one has half a surrogate pair.
public class Alike {
  public static void main(String[] args) {
    String url = args[0];
    Resource resource = Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), "java-client"));
    SdkMeterProvider meters = SdkMeterProvider.builder().setResource(resource).registerMetricReader(
        PeriodicMetricReader.builder(OtlpHttpMetricExporter.builder().setEndpoint(url + "/v1/metrics").build()).build()).build();
    LongCounter calls = meters.get("probe").counterBuilder("calls").build();
    for (int n = 0; n < 40; n++) {
      calls.add(3, Attributes.of(AttributeKey.stringKey("tool"), "t" + n));
    }
    meters.shutdown().join(10, TimeUnit.SECONDS);

    SdkLoggerProvider logs = SdkLoggerProvider.builder().setResource(resource).addLogRecordProcessor(
        BatchLogRecordProcessor.builder(OtlpHttpLogRecordExporter.builder().setEndpoint(url + "/v1/logs").build()).build()).build();
    Logger logger = logs.get("probe");
    Instant now = Instant.now();
    for (int n = 0; n < 10; n++) {
      logger.logRecordBuilder().setTimestamp(now).setObservedTimestamp(now).setSeverity(Severity.INFO).setBody("pressed").emit();
    }
    logs.shutdown().join(10, TimeUnit.SECONDS);

    SdkTracerProvider spans = SdkTracerProvider.builder().setResource(resource).addSpanProcessor(
        BatchSpanProcessor.builder(OtlpHttpSpanExporter.builder().setEndpoint(url + "/v1/traces").build()).build()).build();
    Tracer tracer = spans.get("probe");
    for (int n = 0; n < 10; n++) {
      Span span = tracer.spanBuilder("step").startSpan();
      if (n == 4) {
        span.setAttribute("gen_ai.tool.name", "cut \ud83d");
      }
      span.end();
    }
    spans.shutdown().join(10, TimeUnit.SECONDS);
    System.exit(0);
  }
}
