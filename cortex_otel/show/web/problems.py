"""What can go wrong with a request, as one shape: ``{"error": {code, message, field}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from cortex_otel.locale import N_, texts
from cortex_otel.query.errors import QueryParameterError, QueryTimeoutError
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel_exporters.sqlite.reader import Reason

__all__ = [
    "MAX_SHOWN_LENGTH",
    "ApiError",
    "Json",
    "bad_cursor",
    "busy",
    "known_problem",
    "not_found",
    "refusal",
    "shown",
]

#: Of a value that is said again in a message.
MAX_SHOWN_LENGTH = 64
_RETRY_SECONDS = {"locked": "2", "missing": "5", "older": "5"}
_STORE_MESSAGES: Mapping[Reason, str] = {
    "missing": N_(
        "nothing is recorded yet: start a server with opentelemetry-instrument python server.py, "
        "or try cortex-otel demo"
    ),
    "newer": N_("the database was written by a newer cortex-otel: upgrade this one"),
    "older": N_(
        "the database was written by an older cortex-otel: the next process that records updates it"
    ),
    "damaged": N_(
        "the database is damaged or isn't one: move it away, and recording creates a new one"
    ),
    "not_ours": N_("the database belongs to another program: move it away or set CORTEX_OTEL_HOME"),
    "locked": N_("the database is locked by another process: try again in a moment"),
    "full": N_(
        "the disk of the database is full: free a few megabytes, then run cortex-otel retain"
    ),
    "no_permission": N_(
        "no permission to read the database: run cortex-otel serve as the user that records"
    ),
    "directory": N_("there is a directory where the database should be"),
    "cannot_open": N_("the database can't be opened: its directory must be writable"),
    "unreadable": N_("the database can't be read"),
}


class ApiError(Exception):
    """A request that can't be answered.

    Args:
        status: HTTP status.
        code: for programs; one code has one message.
        message: for people, in English, marked with ``N_``.
        field: the parameter it is about.
        headers: of the answer.
        hint: a second sentence, marked too, and its values.
        values: of the message.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        hint: tuple[str, Mapping[str, object]] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.field = status, code, field
        self.headers = dict(headers or {})
        self._message = message
        self._hint = hint
        self._values = values

    def message(self, language: str) -> str:
        """For people."""
        values = {"field": self.field, **self._values}
        found = texts(language).gettext(self._message, **values)
        return found[:1].upper() + found[1:]

    def hint(self, language: str) -> str:
        """What else there is to say; often nothing."""
        return texts(language).gettext(self._hint[0], **self._hint[1]) if self._hint else ""

    def body(self, language: str) -> dict[str, Any]:
        """What the API answers."""
        error = {"code": self.code, "message": self.message(language), "field": self.field}
        if hint := self.hint(language):
            error["hint"] = hint
        return {"error": error}


class Json(Response):
    """An answer in JSON that no cache keeps."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(content, status, headers)

    def render(self, content: Any) -> bytes:
        """``content`` as bytes."""
        return orjson.dumps(content)


def bad_cursor() -> ApiError:
    """The answer to a cursor that can't be continued from."""
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "bad_cursor",
        N_("this cursor is invalid or belongs to another question: start again without it"),
        field="cursor",
    )


def busy(*, retry_seconds: int) -> ApiError:
    """The answer while as many others are being made as this machine can make at once."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "busy",
        N_("too many requests are waiting for an answer: try again in a moment"),
        headers={"retry-after": str(retry_seconds)},
    )


def not_found() -> ApiError:
    """The answer where no route, page or file is."""
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", N_("there is nothing at this address"))


def refusal(error: ApiError, language: str) -> Json:
    """The answer of the API to a request that went wrong."""
    return Json(error.body(language), error.status, error.headers)


def known_problem(error: Exception) -> ApiError | None:
    """What a failed question says to who asked it; ``None`` if it is a mistake of ours."""
    match error:
        case ApiError():
            return error
        case QueryParameterError():
            # A time span has its unit in its value, not in its name.
            field = error.parameter and error.parameter.removesuffix("_s")
            return ApiError(
                HTTPStatus.BAD_REQUEST, "bad_parameter", error.message,
                field=field, **dict(error.values),
            )  # fmt: skip
        case QueryTimeoutError():
            return ApiError(
                HTTPStatus.GATEWAY_TIMEOUT,
                "too_slow",
                N_("the answer took longer than {seconds} s: choose a shorter range"),
                seconds=f"{error.time_limit_ms / 1000:g}",
            )
        case StoreError():
            wait = _RETRY_SECONDS.get(error.reason)
            return ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"store_{error.reason}",
                _STORE_MESSAGES[error.reason],
                headers={"retry-after": wait} if wait else None,
                hint=(N_("Database: {path}"), {"path": error.path}),
            )
    return None


def shown(value: object) -> str:
    """``value`` in quotes, short, on one line."""
    text = repr(str(value))
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
