"""A WSGI application with a tool, for `gunicorn gunicorn_app:app`."""

from __future__ import annotations

import cortex_otel


@cortex_otel.instrument_tool
def answer() -> bytes:
    return b"ok"


def app(_environment, start_response):
    body = answer()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
