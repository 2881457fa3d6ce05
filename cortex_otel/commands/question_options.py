"""The options of one question: what its header declares, as ``cortex-otel query`` takes it.

``window_days`` is ``--window-days 14``, ``within_s`` is ``--within 7d``, a list of steps is
``--step`` given once or more. ``--saved`` takes a funnel from the file that the web admin saves
them in.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Final

from cortex_otel.locale import _, language
from cortex_otel.query.analysis.steps import step_texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.ranges import RangeError, parse_span, span_text
from cortex_otel.query.saved_funnels import FILE_NAME, read_funnels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cortex_otel.query.catalogue import Parameter, Question
    from cortex_otel.query.runner import Value
    from cortex_otel.query.saved_funnels import SavedFunnel

__all__ = ["NoFunnelError", "add_options", "asked_question", "given", "option_of"]

#: Options that are called otherwise than their parameter.
_NAMES: Final = {"steps": "step", "breakdown": "by", "return_event": "return"}
_PREFIX: Final = "of_question_"
#: Options of ``query`` without a value: what follows them may be the question's name.
_SWITCHES: Final = frozenset({"--show", "-h", "--help"})
_LARGEST: Final = 1 << 62  # SQLite's integers have 63 bits
_NOT_A_NUMBER: Final = float("nan")


class NoFunnelError(Exception):
    """No funnel of that name can be read; the message is one line for a person."""


def asked_question(arguments: Sequence[str]) -> Question | None:
    """The question that a command line of ``query`` names; ``None`` if it names none that is known.

    Its options are its own, so it must be known before they can be read.

    Args:
        arguments: all of them, with the command.
    """
    known = catalogue()
    before = ""
    for each in arguments[arguments.index("query") + 1 :] if "query" in arguments else ():
        is_value = before.startswith("-") and "=" not in before and before not in _SWITCHES
        if not is_value and each in known:
            return known[each]
        before = each
    return None


def option_of(parameter: Parameter) -> str:
    """What the option is called: ``--within`` of ``within_s``."""
    name = parameter.asked_as
    return f"--{_NAMES.get(name, name).replace('_', '-')}"


def add_options(parser: argparse.ArgumentParser, question: Question) -> None:
    """Add an option for each parameter of ``question`` that isn't common to all questions."""
    parser.description = question.about_in(language()).replace("%", "%%")
    if not question.settable:
        return
    group = parser.add_argument_group(
        _("options of {question}", question=question.name), question.title_in(language())
    )
    for parameter in question.settable:
        # A percent sign is a format of argparse's.
        meaning = parameter.meaning_in(language()).replace("%", "%%")
        if parameter.is_span:
            meaning = _("a time like 12h, 7d or 2w: {meaning}", meaning=meaning)
        group.add_argument(
            option_of(parameter),
            dest=_PREFIX + parameter.name,
            action="append" if parameter.is_list else "store",
            type=_reader(parameter),
            metavar=_metavar(parameter),
            help=f"{meaning} ({_default(parameter).replace('%', '%%')})",
        )
    if question.accepts("steps"):
        group.add_argument(
            "--saved",
            metavar="NAME",
            help=_(
                "the funnel of this name in {file}; options given beside it win", file=FILE_NAME
            ),
        )


def given(question: Question, arguments: argparse.Namespace, home: Path) -> dict[str, Value]:
    """The values of its own parameters that a command line gives.

    Args:
        question: whose options were added.
        arguments: of the command line.
        home: where the funnels are saved.

    Raises:
        NoFunnelError: there is no saved funnel of that name.
        QueryParameterError: steps can't be read.
    """
    values: dict[str, Value] = {}
    if getattr(arguments, "saved", None) is not None:
        values = {
            name: value
            for name, value in _values_of(_saved(arguments.saved, home / FILE_NAME)).items()
            if question.accepts(name)
        }
    for parameter in question.settable:
        value = getattr(arguments, _PREFIX + parameter.name, None)
        if value is not None:
            values[parameter.name] = _joined(value) if parameter.is_list else value
    return values


def _saved(name: str, path: Path) -> SavedFunnel:
    found = read_funnels(path)
    if name in found.funnels:
        return found.funnels[name]
    # A funnel that is there and can't be read is more than one that isn't there.
    if found.problems:
        problem = found.problems[0]
        raise NoFunnelError(_(problem.message, **problem.values))
    known = ", ".join(found.funnels) or _("none")
    raise NoFunnelError(
        _("no funnel {name!r} in {path}; saved: {known}", name=name, path=path, known=known)
    )


def _values_of(funnel: SavedFunnel) -> dict[str, Value]:
    return {
        "steps": _joined(funnel.steps),
        "within_s": parse_span(funnel.within),
        "order": funnel.order,
        "exclude": _joined(funnel.exclude) if funnel.exclude else "",
        "breakdown": funnel.breakdown,
    }


def _joined(steps: Sequence[str]) -> str:
    return json.dumps([step for each in steps for step in step_texts(each)], ensure_ascii=False)


def _metavar(parameter: Parameter) -> str:
    if parameter.is_list:
        return "STEP"
    if parameter.is_span:
        return "TIME"
    if parameter.choices:
        return "|".join(parameter.choices).replace("*", "FLAG")
    return "TEXT" if parameter.type == "text" else "N"


def _default(parameter: Parameter) -> str:
    if parameter.is_list:
        return " > ".join(step_texts(str(parameter.default))) or _("none")
    if parameter.is_span:
        return span_text(int(parameter.default or 0))
    return _("empty") if parameter.default == "" else f"{parameter.default}"


def _reader(parameter: Parameter) -> Callable[[str], int | float | str]:
    def read(text: str) -> int | float | str:
        try:
            if parameter.is_span:
                return parse_span(text)
            value = text if parameter.type == "text" else parameter.parse(text)
        except RangeError as error:
            raise argparse.ArgumentTypeError(_(error.message, **error.values)) from None
        except ValueError:
            value = _NOT_A_NUMBER
        if not isinstance(value, str):
            if not abs(value) < _LARGEST:  # not a number is neither
                raise argparse.ArgumentTypeError(_("{value!r} isn't a number", value=text))
        elif not parameter.allows(value):
            known = ", ".join(parameter.choices)
            raise argparse.ArgumentTypeError(
                _("{value!r} isn't known: use {known}", value=text, known=known)
            )
        return value

    return read
