"""Parameters that only some questions have, as requests give them.

They come from the headers of the SQL files: what a question declares can be asked for. Names and
forms are those of a request: ``within=7d`` is the question's ``within_s``, and a list of steps is
given by repeating ``steps``, or as one text with ``' > '`` between them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, create_model

from cortex_otel.locale import N_
from cortex_otel.query.ranges import parse_span, span_text
from cortex_otel.show import pages
from cortex_otel.show.pages.declaration import ROW_FILTERS
from cortex_otel.show.web.problems import ApiError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from cortex_otel.query.catalogue import Parameter, Question
    from cortex_otel.query.runner import Value

__all__ = ["OwnParameter", "bad_own", "of_pages", "of_question", "with_parameters"]

BETWEEN_STEPS: Final = " > "
_MAX_LENGTH: Final = 200
_MAX_ITEMS: Final = 20
_MAX_NUMBER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class OwnParameter:
    """One of them."""

    parameter: Parameter

    @property
    def name(self) -> str:
        """In requests."""
        return self.parameter.asked_as

    @property
    def kind(self) -> str:
        """How it is set on a page: ``steps``, ``choice``, ``time``, ``number`` or ``text``."""
        if self.parameter.is_list:
            return "steps"
        if self.parameter.is_span:
            return "time"
        if self.parameter.choices:
            return "choice"
        return "text" if self.parameter.type == "text" else "number"

    @property
    def bounds(self) -> tuple[float, float]:
        """Of a number: the least and the most that it can be."""
        least, most = self.parameter.bounds or (0, _MAX_NUMBER)
        return (int(least), int(most)) if self.parameter.type == "integer" else (least, most)

    @property
    def default(self) -> str:
        """Of the question, as a request would give it."""
        default = self.parameter.default
        if self.parameter.is_list:
            return BETWEEN_STEPS.join(_steps(str(default)))
        return span_text(int(default or 0)) if self.parameter.is_span else str(default)

    @property
    def field(self) -> tuple[Any, None]:
        """Its type for a model of pydantic, and that it can be left out."""
        text = self.parameter.meaning
        about = f"{text[:1].upper()}{text[1:]}; {self.default or 'empty'}."
        match self.kind:
            case "steps":
                item = Annotated[str, Field(min_length=1, max_length=_MAX_LENGTH * 7)]
                kind: Any = Annotated[list[item], Field(max_length=_MAX_ITEMS)]
            case "time":
                kind = Annotated[str, Field(pattern=r"^[0-9]{1,6}[smhdw]$")]
            case "choice":
                kind = Annotated[str, Field(pattern=_pattern(self.parameter))]
            case "text":
                kind = Annotated[str, Field(max_length=_MAX_LENGTH)]
            case _:
                number = int if self.parameter.type == "integer" else float
                least, most = self.bounds
                kind = Annotated[number, Field(ge=least, le=most)]
        # Outside of the union: a parameter in OpenAPI is described itself, not by its schema.
        return Annotated[kind | None, Field(description=about)], None

    def value(self, given: Any) -> Value:
        """What the question takes, of what a valid request gives."""
        if self.parameter.is_list:
            return json.dumps([step for each in given for step in _steps(each)])
        if self.parameter.is_span:
            return parse_span(given)
        return given  # type: ignore[no-any-return]


def of_question(question: Question) -> tuple[OwnParameter, ...]:
    """Those of ``question``; filters of rows aren't."""
    return tuple(OwnParameter(each) for each in question.settable if each.name not in ROW_FILTERS)


@cache
def of_pages() -> dict[str, OwnParameter]:
    """Those of every page, by their name in requests."""
    return {
        own.name: own for page in pages.PAGES.values() for own in map(OwnParameter, page.controls)
    }


def with_parameters(
    name: str, base: type[BaseModel], parameters: Iterable[OwnParameter]
) -> type[Any]:
    """A model that also takes ``parameters``."""
    fields: dict[str, Any] = {each.name: each.field for each in parameters}
    return create_model(name, __base__=base, __doc__=base.__doc__, **fields)


def bad_own(own: OwnParameter, value: object) -> ApiError:
    """The answer to a value that one of them can't have."""
    match own.kind:
        case "time":
            message = N_("{value} isn't a time for {field}: use one like 12h, 7d or 2w")
        case "choice":
            message = N_("{value} isn't known for {field}: use {allowed}")
        case "number":
            message = N_("{value} isn't a number for {field}: use {least} to {most}")
        case "steps":
            message = N_("{field} is at most {items} steps, each of 1 to {length} characters")
        case _:
            message = N_("{value} is too long for {field}: use at most {length} characters")
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        f"bad_{own.name}",
        message,
        field=own.name,
        value=shown(value),
        allowed=", ".join(each.replace("*", "…") for each in own.parameter.choices),
        least=own.bounds[0],
        most=own.bounds[1],
        items=_MAX_ITEMS,
        length=_MAX_LENGTH,
    )


def _steps(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return [str(each) for each in json.loads(text)]
        except ValueError:
            return [text]  # no step: who answers says so
    return [each.strip() for each in text.split(BETWEEN_STEPS) if each.strip()]


def _pattern(parameter: Parameter) -> str:
    choices = {*parameter.choices, str(parameter.default)}
    forms = [
        re.escape(each[:-1]) + f".{{1,{_MAX_LENGTH}}}" if each.endswith("*") else re.escape(each)
        for each in sorted(choices)
        if each
    ]
    return f"^({'|'.join(forms)})$"
