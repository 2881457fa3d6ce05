"""What can go wrong with a request, as one shape: ``{"error": {code, message, field}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from cortex_otel.query.runner import QueryTimeoutError
from cortex_otel.show.web.api_texts import said
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_SHOWN_LENGTH", "ApiError", "Json", "known_problem", "refusal", "shown"]

#: Of a value that is said again in a message.
MAX_SHOWN_LENGTH = 64
_RETRY_SECONDS = {"locked": "2", "missing": "5", "older": "5"}


class ApiError(Exception):
    """A request that can't be answered.

    Args:
        status: HTTP status.
        code: of the text in :mod:`.api_texts`, and for programs.
        field: the parameter it is about.
        headers: of the answer.
        hint: a second sentence, as it is.
        values: of the text.
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        hint: tuple[str, Mapping[str, object]] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.field = status, code, field
        self.headers = dict(headers or {})
        self._hint = hint
        self._values = values

    def message(self, language: str) -> str:
        """For people."""
        return said(self.code, language, field=self.field, **self._values)

    def hint(self, language: str) -> str:
        """What else there is to say; often nothing."""
        return said(self._hint[0], language, **self._hint[1]) if self._hint else ""

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


def refusal(error: ApiError, language: str) -> Json:
    """The answer of the API to a request that went wrong."""
    return Json(error.body(language), error.status, error.headers)


def known_problem(error: Exception) -> ApiError | None:
    """What a failed question says to who asked it; ``None`` if it is a mistake of ours."""
    match error:
        case ApiError():
            return error
        case QueryTimeoutError():
            return ApiError(
                HTTPStatus.GATEWAY_TIMEOUT, "too_slow", seconds=f"{error.time_limit_ms / 1000:g}"
            )
        case StoreError():
            wait = _RETRY_SECONDS.get(error.reason)
            return ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"store_{error.reason}",
                headers={"retry-after": wait} if wait else None,
                hint=("store_hint", {"path": error.path}),
            )  # fmt: skip
    return None


def shown(value: object) -> str:
    """``value`` in quotes, short, on one line."""
    text = repr(str(value))
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
