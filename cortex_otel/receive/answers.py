"""Answers as OTLP wants them: in the request's content type, ``Status`` where it failed.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from cortex_otel.receive.checks import JSON

if TYPE_CHECKING:
    from cortex_otel.receive.commit import Answer

__all__ = ["RETRY_AFTER_SECONDS", "failure", "success"]

RETRY_AFTER_SECONDS: Final = 2
_MAX_MESSAGE_LENGTH: Final = 512
# Codes of google.rpc, by HTTP status.
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 503: 14}
_UNKNOWN: Final = 2


def success(answer: Answer, content_type: str, rejected_field: str) -> bytes:
    """The body of a 200: empty, or with ``partial_success`` where something wasn't taken.

    With no record refused, its message is a warning, as the protocol has it: values were left out.

    Args:
        answer: what became of the request.
        content_type: of the request, and so of the answer.
        rejected_field: what the signal calls the number of refused records in JSON.
    """
    message = answer.message[:_MAX_MESSAGE_LENGTH]
    if content_type == JSON:
        if not message:
            return b"{}"
        # 64-bit integers are text in OTLP/JSON.
        body = {rejected_field: str(answer.rejected), "errorMessage": message}
        return orjson.dumps({"partialSuccess": body})
    response = ExportTraceServiceResponse()
    if message:
        # The answers of all three signals are the same on the wire.
        response.partial_success.rejected_spans = answer.rejected
        response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def failure(status: int, message: str, content_type: str) -> bytes:
    """A ``google.rpc.Status``, as JSON or protobuf."""
    code = _CODES.get(status, _UNKNOWN)
    message = message[:_MAX_MESSAGE_LENGTH]
    if content_type == JSON:
        return orjson.dumps({"code": code, "message": message})
    # Two fields: an enum below 128, and text. The official class is in a package of its own.
    text = message.encode()
    return b"\x08" + bytes([code]) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    encoded = b""
    while number >= 0x80:  # noqa: PLR2004 - seven bits a byte
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])
