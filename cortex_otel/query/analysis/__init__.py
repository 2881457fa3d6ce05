"""The analysis engine: ordered questions over a compact form of the events.

A question's SQL is its definition, and answers where numpy isn't installed or the form can't be
kept. Where it can, what is registered under the name in its header, ``-- engine: NAME``, gives the
same rows in a fraction of the time.

* :mod:`.form`: the events, in the order of users; :mod:`.runs`: how they are packed.
* :mod:`.upkeep`: the file it is kept in, ``analysis.db`` beside the store.
* :mod:`.steps`: what people ask with, checked.
* :mod:`.funnel`, :mod:`.cohorts`, :mod:`.paths`: the algorithms.
* :mod:`.answers`: the rows of each question.

numpy comes with the extra ``[serve]``; nothing imports it before a question is asked.
"""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.query.analysis.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import apsw

__all__ = ["SUFFIX", "answer", "bring_up", "check", "forget_unused", "is_available", "prepare"]

#: Of the file that the form is kept in, after the name of the store, so that it goes wherever that
#: goes.
SUFFIX: Final = ".analysis"
#: What was built for another processor, or half removed, fails with more than ImportError.
_UNUSABLE: Final = (ImportError, OSError, AttributeError)


def is_available() -> bool:
    """Whether numpy is installed."""
    return find_spec("numpy") is not None


def check(connection: apsw.Connection, engine: str, values: Mapping[str, Any]) -> None:
    """Refuse values that make no sense, whatever answers.

    Args:
        connection: to the store.
        engine: of the question; empty for none.
        values: of all its parameters.

    Raises:
        QueryParameterError: says what to change.
    """
    if engine:
        CHECKS[engine](connection, values)


def prepare(connection: apsw.Connection, engine: str) -> None:
    """Bring the compact form up to date; the first time, that takes a second a million events.

    Raises:
        apsw.Error: the store can't be read.
    """
    upkeep = _upkeep() if engine else None
    if upkeep is not None:
        with contextlib.suppress(upkeep.NotKeptError):
            upkeep.refreshed(connection)


def bring_up(connection: apsw.Connection) -> None:
    """Write what is new to the file of the compact form, for whoever asks next.

    Raises:
        apsw.Error: the store can't be read.
    """
    upkeep = _upkeep()
    if upkeep is not None:
        with contextlib.suppress(upkeep.NotKeptError):
            upkeep.bring_up(connection, verify=True)


def forget_unused(seconds: float) -> None:
    """Give back the memory of forms that nobody asked for in the last ``seconds``."""
    upkeep = _upkeep()
    if upkeep is not None:
        upkeep.forget_unused(seconds)


def answer(
    connection: apsw.Connection, engine: str, values: Mapping[str, Any]
) -> Sequence[tuple[Any, ...]] | None:
    """The rows of a question; ``None`` where its SQL must answer.

    Args:
        connection: to the store, in a transaction.
        engine: of the question; empty for none.
        values: of all its parameters, checked.

    Raises:
        apsw.Error: the store can't be read.
    """
    upkeep = _upkeep() if engine else None
    if upkeep is None:
        return None
    try:
        form = upkeep.refreshed(connection)
    except upkeep.NotKeptError:
        return None
    from cortex_otel.query.analysis import answers  # noqa: PLC0415 - numpy is an extra

    return answers.ANSWERS[engine](connection, form, values)


def _upkeep() -> ModuleType | None:
    """The module, which needs numpy; ``None`` without it."""
    if not is_available():
        return None
    try:
        from cortex_otel.query.analysis import upkeep  # noqa: PLC0415 - numpy is an extra
    except _UNUSABLE:
        return None
    return upkeep
