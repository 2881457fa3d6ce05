package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sends what once collapsed: 40 points of one counter that differ in a label, ten equal log records
// of one moment, and spans. Its exporter doesn't send text that is no UTF-8: it fails with the batch.
// go run . http://127.0.0.1:4318
func main() {
	ctx := context.Background()
	url := os.Args[1]
	res := resource.NewSchemaless(attribute.String("service.name", "go-client"))

	me, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	check(err)
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(me)))
	counter, err := mp.Meter("probe").Int64Counter("calls")
	check(err)
	for n := 0; n < 40; n++ {
		counter.Add(ctx, 3, metric.WithAttributes(attribute.String("tool", fmt.Sprintf("t%d", n))))
	}
	check(mp.Shutdown(ctx))

	le, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(url+"/v1/logs"))
	check(err)
	lp := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(le)))
	logger := lp.Logger("probe")
	now := time.Now()
	for n := 0; n < 10; n++ {
		var record log.Record
		record.SetTimestamp(now)
		record.SetObservedTimestamp(now)
		record.SetSeverity(log.SeverityInfo)
		record.SetBody(attribute.StringValue("pressed"))
		logger.Emit(ctx, record)
	}
	check(lp.Shutdown(ctx))

	te, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url+"/v1/traces"))
	check(err)
	tp := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(te))
	tracer := tp.Tracer("probe")
	for n := 0; n < 10; n++ {
		_, span := tracer.Start(ctx, "step")
		span.End()
	}
	check(tp.Shutdown(ctx))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
