"""OTLP/JSON's metric points: their numbers, and what tells one from another."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.proto.metrics.v1 import metrics_pb2

from cortex_otel.receive.json_values import double, enum, integer, list_of, object_of

__all__ = ["numbers_of", "shape_of"]

_TWO_TO_31, _TWO_TO_63 = 1 << 31, 1 << 63
_TEMPORALITY_NAMES: Final = dict(metrics_pb2.AggregationTemporality.items())


def numbers_of(kind: str, point: dict[str, Any]) -> dict[str, Any]:
    """Times, flags and values of a point.

    Raises:
        MalformedError: one of them can't be read.
    """
    get = point.get
    numbers: dict[str, Any] = {
        "time": integer(get("timeUnixNano"), "timeUnixNano"),
        "start": integer(get("startTimeUnixNano"), "startTimeUnixNano"),
        "flags": integer(get("flags"), "flags"),
    }
    if kind in {"gauge", "sum"}:
        if get("asDouble") is not None:
            numbers["value"] = double(get("asDouble"), "asDouble")
        elif get("asInt") is not None:
            numbers["value"] = _as_int(get("asInt"))
        return numbers
    numbers["count"] = integer(get("count"), "count")
    for name in ("sum", "min", "max"):
        if get(name) is not None:
            numbers[name] = double(get(name), name)
    if kind == "summary":
        numbers.setdefault("sum", 0.0)
    if kind == "histogram":
        bounds, counts = list_of(point, "explicitBounds"), list_of(point, "bucketCounts")
        numbers["bounds"] = [double(one, "explicitBounds") for one in bounds]
        numbers["counts"] = [integer(one, "bucketCounts") for one in counts]
    return numbers


def shape_of(kind: str, data: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    """What tells a point apart from others of its metric, as the protobuf reader has it.

    Raises:
        MalformedError: a part of it can't be read.
    """
    shape: dict[str, Any] = {}
    if kind == "summary":
        quantiles = [one for one in list_of(point, "quantileValues") if type(one) is dict]
        shape["quantiles"] = [
            tuple(double(one.get(name) or 0, name) for name in ("quantile", "value"))
            for one in quantiles
        ]
    elif kind != "gauge":
        temporality = data.get("aggregationTemporality")
        shape["temporality"] = enum(temporality, "aggregationTemporality", _TEMPORALITY_NAMES)
    if kind == "sum":
        shape["is_monotonic"] = data.get("isMonotonic") in (True, "true")
    elif kind == "exponential_histogram":
        shape["buckets"] = (
            integer(point.get("scale"), "scale", -_TWO_TO_31, _TWO_TO_31),
            integer(point.get("zeroCount"), "zeroCount"),
            double(point.get("zeroThreshold") or 0, "zeroThreshold"),
            *_buckets(object_of(point, "positive")), *_buckets(object_of(point, "negative")),
        )  # fmt: skip
    return shape


def _buckets(side: dict[str, Any]) -> tuple[int, list[int]]:
    offset = integer(side.get("offset"), "offset", -_TWO_TO_31, _TWO_TO_31)
    return offset, [integer(one, "bucketCounts") for one in list_of(side, "bucketCounts")]


def _as_int(value: Any) -> int | float:
    """As an attribute's: an integer that has no place in 64 bits is a double."""
    found = double(value, "asInt")
    return integer(value, "asInt", -_TWO_TO_63, _TWO_TO_63) if _fits(found) else found


def _fits(value: float) -> bool:
    return value.is_integer() and abs(value) < _TWO_TO_63
