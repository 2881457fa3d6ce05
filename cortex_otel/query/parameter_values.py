"""The values that a question's parameters have."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.query.catalogue import COMMON_PARAMETERS
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.query.zones import zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.query.catalogue import Parameter, Question

__all__ = ["Value", "values_of"]

Value = int | float | str | None


def values_of(question: Question, given: Mapping[str, Value]) -> dict[str, Value]:
    """All parameters of ``question`` with their values: those given, checked, and defaults.

    Raises:
        QueryParameterError: an unknown parameter, or a value that makes no sense.
    """
    known = {**COMMON_PARAMETERS, **{known.name: known for known in question.parameters}}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise QueryParameterError(
            N_("{question} has no parameter {name!r}"), question=question.name, name=unknown[0]
        )
    values = {name: _typed(parameter, given.get(name)) for name, parameter in known.items()}
    values = {
        name: time.time_ns() if value is None and name == "to_ns" else value
        for name, value in values.items()
    }
    if question.accepts("time_zone"):
        values["zone_offsets"] = _offsets_of(str(values["time_zone"]))
    return values


@lru_cache(maxsize=16)
def _offsets_of(time_zone: str) -> str:
    """What ``shared/zone_offsets.sql`` reads: a JSON array of ``[since, until, offset]``, in ns."""
    try:
        return json.dumps(zone(time_zone).recent_offsets(time.time_ns()))
    except ValueError:
        raise QueryParameterError(
            N_("time_zone={value!r} isn't a time zone: use a name like Asia/Seoul"),
            value=time_zone,
        ) from None


def _typed(parameter: Parameter, value: Value) -> Value:
    if value is None:
        return parameter.default
    match parameter.type, value:
        case ("integer", bool()) | ("real", bool()):
            pass
        case ("integer", int()) | ("real", int() | float()) if not parameter.allows(value):
            least, most = parameter.bounds or (0, 0)
            raise QueryParameterError(
                N_("{name}={value} is out of bounds: use {least:g} to {most:g}"),
                name=parameter.name,
                value=value,
                least=least,
                most=most,
            )
        case ("text", str()) if parameter.is_weights and not parameter.allows(value):
            raise QueryParameterError(
                N_('{name}={value!r}: use JSON like {{"search": {{"control": 9, "new": 1}}}}'),
                name=parameter.name,
                value=value,
            )
        case ("text", str()) if not parameter.allows(value):
            raise QueryParameterError(
                N_("{name}={value!r} isn't known: use {known}"),
                name=parameter.name,
                value=value,
                known=", ".join(parameter.choices),
                parameter=parameter.name,
            )
        case ("integer", int()) | ("real", int() | float()) | ("text", str()):
            return value
    raise QueryParameterError(
        N_("{name}={value!r} isn't of type {type}"),
        name=parameter.name,
        value=value,
        type=parameter.type,
        parameter=parameter.name,
    )
