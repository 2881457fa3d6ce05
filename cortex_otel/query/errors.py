"""Why a question couldn't be answered.

::

    QueryError
    ├── QueryParameterError  an unknown parameter, or a value that makes no sense
    └── QueryTimeoutError    it took longer than allowed
"""

from __future__ import annotations

from typing import Any

__all__ = ["QueryError", "QueryParameterError", "QueryTimeoutError"]


class QueryError(Exception):
    """A question couldn't be answered."""


class QueryParameterError(QueryError):
    """An unknown parameter, or a value that makes no sense.

    Args:
        message: what is wrong and what to change, in English, marked with ``N_``.
        parameter: whose value it is about, where it is one's.
        values: of the message.
    """

    def __init__(self, message: str, *, parameter: str | None = None, **values: Any) -> None:
        super().__init__(message.format(**values) if values else message)
        self.message, self.parameter, self.values = message, parameter, values


class QueryTimeoutError(QueryError):
    """The query took longer than allowed."""

    def __init__(self, question: str, time_limit_ms: float) -> None:
        super().__init__(
            f"{question} took longer than {time_limit_ms:g} ms: ask for a shorter range"
        )
        self.question, self.time_limit_ms = question, time_limit_ms
