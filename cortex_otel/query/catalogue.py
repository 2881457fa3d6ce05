"""The catalogue of questions: one SQL file each, with a header that describes it.

A header consists of comment lines before the first line of SQL::

    -- title: Tool calls
    -- about: What it means, in one or more lines; further lines are indented
    --   by two spaces more.
    -- since: 30d
    -- limit: 1000
    -- cursor: time before_ns, id before_id
    -- engine: funnel
    -- events: always
    -- parameter: service
    -- parameter: window_days integer 30 days after which a user counts as lost
    -- column: calls count number of calls, weighted
    -- column: verdict better|no_difference whether it is better

``since`` is the default range, ``limit`` the default row limit. ``cursor`` maps columns of the last
row to the parameters that select the rows after it: the value of its column ``time`` is the
parameter ``before_ns``, and so on. ``engine`` names what answers faster than the SQL, where it can:
see :mod:`.analysis`. ``events`` says that events of all of the range are read, and not only of its
edges: ``always``, or where one of the parameters named is set; with ``ever``, of the time before
the range, too. So nothing is known of times whose events are deleted. A common parameter (see
:data:`COMMON_PARAMETERS`) has only a name; others have type, default (``''`` is empty text) and
meaning. A closed list of texts stands in place of the type of a parameter, and of the unit of a
column: ``day|week|month``; ``variant:*`` in that of a parameter is any text after ``variant:``, and
an empty default is allowed too. ``integer:1..366`` is a number within bounds; ``weights`` JSON like
``{"flag": {"variant": 1}}``. ``NAME.exact.sql`` beside
``NAME.sql`` answers the same question from the events themselves; its header has only ``about``.
Title, about and meanings are in English; their Korean is in :mod:`cortex_otel.locale`. A column has
the same title in every question: :mod:`.titles`.

Files share common table expressions: below ``WITH``, the line ``-- with: NAME`` is replaced by the
content of ``sql/shared/NAME.sql``, which may name others that it needs; each is inserted once. In
the same place, ``-- asks: NAME`` is replaced by the answer of the question ``NAME``, as an
expression of that name: what it says of the same range, so that two questions can't tell two
numbers. Parameters that only ``NAME`` declares have their defaults. Read it once: SQLite plans it
anew for each use. Attributes are written as their constants in :mod:`cortex_otel.semconv`:
``$FEATURE_FLAG_KEY`` stands for the key in quotes.
What :mod:`.macros` defines is put in place of its use. ``cortex-otel query NAME --show`` shows the
result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import dropwhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from cortex_otel import semconv
from cortex_otel.locale import texts
from cortex_otel.query.macros import macros_expanded
from cortex_otel.query.parameters import COMMON_PARAMETERS, Parameter, declared
from cortex_otel.query.titles import COLUMN_TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COMMON_PARAMETERS",
    "Column",
    "Parameter",
    "Question",
    "QuestionError",
    "Unit",
    "attributes_named",
    "catalogue",
    "expanded",
    "parse",
]

Unit = Literal[
    "text", "count", "ratio", "factor", "number", "ms", "tokens", "unix_ns", "epoch_day", "flag"
]  # fmt: skip
"""``ratio`` is 0 to 1; ``factor`` how many times as much; ``number`` a statistic that
is none of these; ``unix_ns`` Unix
nanoseconds; ``epoch_day`` days since 1970-01-01; ``flag`` 0 or 1."""


class QuestionError(ValueError):
    """A SQL file has an invalid header."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a question's result."""

    name: str
    unit: Unit
    meaning: str
    """In English."""
    choices: tuple[str, ...] = ()
    """All values there are, of a column of ``text``; empty where any text may stand."""
    question: str = ""
    """Whose result."""

    @property
    def title(self) -> str:
        """A few words for a heading, in English: the name, unless there are better ones."""
        own = COLUMN_TITLES.get(f"{self.question}.{self.name}")
        return own or COLUMN_TITLES.get(self.name) or self.name.replace("_", " ").capitalize()

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``), else in English."""
        return texts(language).gettext(self.title)

    def meaning_in(self, language: str) -> str:
        """The meaning in ``language``, else in English."""
        return texts(language).gettext(self.meaning)


@dataclass(frozen=True, slots=True)
class Question:
    """One SQL file of the catalogue."""

    name: str
    title: str
    """In English."""
    about: str
    """What it means, in English."""
    sql: str
    """Without its header, with shared expressions inserted."""
    columns: tuple[Column, ...]
    parameters: tuple[Parameter, ...]
    since: str = "30d"
    """The default range."""
    exact_sql: str | None = field(default=None, repr=False)
    """The same question over the events themselves; for ranges with few of them."""
    limit: int = 10_000
    """The default row limit."""
    cursor: Mapping[str, str] = field(default_factory=dict)
    """Column of the last row → parameter that selects the rows after it; empty: no paging."""
    engine: str = ""
    """What answers in place of the SQL, with the same rows: a name of :mod:`.analysis`."""
    events: tuple[str, ...] = ()
    """Reads events of all of the range: ``always``, or where one of these parameters is set; with
    ``ever``, of the time before it, too."""

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``), else in English."""
        return texts(language).gettext(self.title)

    def about_in(self, language: str) -> str:
        """What it means, in ``language``, else in English."""
        return texts(language).gettext(self.about)

    @property
    def settable(self) -> tuple[Parameter, ...]:
        """Its own parameters that say what is asked: not those of paging, nor of moments."""
        return tuple(
            each
            for each in self.parameters
            if each.is_special
            and each.name not in {*self.cursor.values(), "row_limit"}
            and not each.name.endswith("_ns")
        )

    def reads_events(self, values: Mapping[str, object]) -> bool:
        """Whether it reads events of all of the range, with these parameters."""
        return _ALWAYS in self.events or any(values.get(name) for name in self.events)

    @property
    def reads_before(self) -> bool:
        """Whether it reads events before the range as well, if any."""
        return _EVER in self.events

    def accepts(self, parameter: str) -> bool:
        """Whether the result depends on ``parameter``."""
        return any(known.name == parameter for known in self.parameters)


_LINE = re.compile(r"-- (?P<key>[a-z.]+): (?P<value>.+)")
_CONTINUED = re.compile(r"--   (?P<value>\S.*)")
_WITH = re.compile(r"^-- with: (?P<name>\w+)\n", re.MULTILINE)
_ASKS = re.compile(r"^-- asks: (?P<name>\w+)\n", re.MULTILINE)
_LAST_COMMA = re.compile(r",\n(?=SELECT\b)")
_CONSTANT = re.compile(r"\$(?P<name>[A-Z][A-Z_]+)\b")
_COLUMN_PARTS = 3
_ALWAYS, _EVER = "always", "ever"


@cache
def catalogue() -> Mapping[str, Question]:
    """Every question by name, in alphabetical order.

    Raises:
        QuestionError: a file has an invalid header.
    """
    files = _questions()
    return MappingProxyType(
        {
            name: parse(name, files[name], files.get(f"{name}.exact"))
            for name in sorted(files)
            if not name.endswith(".exact")
        }
    )


def expanded(name: str, sql: str) -> str:
    """``sql`` without its header, with shared expressions in place of each ``-- with: NAME``.

    A shared file names in the same way what it needs itself; each is inserted once.

    Args:
        name: the question's name, for the error.
        sql: the content of the file.

    Raises:
        QuestionError: there is no shared file of that name.
    """
    lines = sql.splitlines(keepends=True)
    body = "".join(dropwhile(lambda each: each.startswith("--"), lines))
    inserted: set[str] = set()

    def replacement(line: re.Match[str]) -> str:
        found = line["name"]
        if found not in _shared():
            raise QuestionError(f"{name}.sql: there is no sql/shared/{found}.sql")
        if found in inserted:
            return ""
        inserted.add(found)
        return f"{_WITH.sub(replacement, _shared()[found])},\n"

    def asked(line: re.Match[str]) -> str:
        return f"{line['name']} AS (\n{_asked(name, sql, line['name'])}\n),\n"

    # Expressions are separated by commas; there is none before the SELECT.
    whole = _LAST_COMMA.sub("\n", _ASKS.sub(asked, _WITH.sub(replacement, body)))
    return attributes_named(name, macros_expanded(whole))


def attributes_named(name: str, sql: str) -> str:
    """``sql`` with the key of an attribute, in quotes, in place of each ``$CONSTANT``.

    Args:
        name: the question's name, for the error.
        sql: with constants of :mod:`cortex_otel.semconv`.

    Raises:
        QuestionError: there is no such constant.
    """

    def key(constant: re.Match[str]) -> str:
        found = getattr(semconv, constant["name"], None)
        if not isinstance(found, str):
            raise QuestionError(f"{name}.sql: there is no constant {constant['name']}")
        return f"'{found}'"

    return _CONSTANT.sub(key, sql)


def _asked(name: str, sql: str, other: str) -> str:
    """The SQL of the question ``other``, to stand in that of ``name``."""
    found = _questions().get(other)
    if found is None:
        raise QuestionError(f"{name}.sql: there is no sql/{other}.sql")
    own = {_parameter(name, value).name for key, value in _header(name, sql) if key == "parameter"}
    inner = expanded(other, found).rstrip()
    for key, value in _header(other, found):
        parameter = _parameter(other, value) if key == "parameter" else None
        if parameter is None or parameter.name in own:
            continue
        if not parameter.is_special:
            raise QuestionError(f"{name}.sql: {other} needs the parameter {parameter.name}")
        default = repr(parameter.default)  # a number, or a text without quotes in it
        inner = re.sub(rf":{parameter.name}\b", default, inner)
    return inner


def parse(name: str, sql: str, exact_sql: str | None = None) -> Question:
    """Read the header of one SQL file.

    Raises:
        QuestionError: the header is invalid; names the question and the line.
    """
    once = {"title": "", "about": "", "since": "30d", "limit": "10000", "engine": ""}
    columns: dict[str, Column] = {}
    parameters: list[Parameter] = []
    cursor: dict[str, str] = {}
    events: tuple[str, ...] = ()
    for key, value in _header(name, sql):
        match key:
            case "title" | "about" | "since" | "limit" | "engine":
                once[key] = value
            case "parameter":
                parameters.append(_parameter(name, value))
            case "cursor":
                cursor = dict(_pair(name, key, part) for part in value.split(","))
            case "events":
                events = tuple(part.strip() for part in value.split(","))
            case "column":
                column = _column(name, value)
                columns[column.name] = column
            case _:
                raise QuestionError(f"{name}.sql: {key!r} isn't known")
    question = Question(
        name=name,
        sql=expanded(name, sql),
        exact_sql=exact_sql and expanded(name, exact_sql),
        title=once["title"],
        about=once["about"],
        columns=tuple(columns.values()),
        parameters=tuple(parameters),
        cursor=MappingProxyType(cursor),
        since=once["since"],
        engine=once["engine"],
        events=events,
        limit=_whole(name, once["limit"]),
    )
    if not question.title or not question.about or not columns:
        raise QuestionError(f"{name}.sql: title, about and column are needed")
    if not (cursor.keys() <= columns.keys() and all(map(question.accepts, cursor.values()))):
        raise QuestionError(f"{name}.sql: cursor names what isn't there")
    if not all(map(question.accepts, {*events} - {_ALWAYS, _EVER})):
        raise QuestionError(f"{name}.sql: events names what isn't there")
    return question


def _files(*folder: str) -> dict[str, str]:
    files = resources.files(__package__).joinpath(*folder).iterdir()
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith(".sql")
    }


@cache
def _questions() -> dict[str, str]:
    return _files("sql")


@cache
def _shared() -> dict[str, str]:
    return {name: sql.rstrip() for name, sql in _files("sql", "shared").items()}


def _header(name: str, sql: str) -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        if entries and (match := _CONTINUED.fullmatch(line)):
            key, value = entries[-1]
            entries[-1] = (key, f"{value} {match['value']}")
        elif match := _LINE.fullmatch(line):
            entries.append((match["key"], match["value"].strip()))
        else:
            raise QuestionError(f"{name}.sql: {line!r} isn't understood")
    return entries


def _parameter(question: str, value: str) -> Parameter:
    try:
        return declared(value)
    except ValueError:
        raise QuestionError(
            f"{question}.sql: parameter {value!r} isn't NAME TYPE DEFAULT MEANING"
        ) from None


def _column(question: str, value: str) -> Column:
    parts = value.split(maxsplit=_COLUMN_PARTS - 1)
    if len(parts) == _COLUMN_PARTS and "|" in parts[1]:
        return Column(parts[0], "text", parts[2], tuple(parts[1].split("|")), question)
    if len(parts) < _COLUMN_PARTS or parts[1] not in get_args(Unit):
        raise QuestionError(f"{question}.sql: column {value!r} isn't NAME UNIT MEANING")
    return Column(parts[0], parts[1], parts[2], (), question)  # type: ignore[arg-type]


def _pair(question: str, key: str, text: str) -> tuple[str, str]:
    name, _, rest = text.strip().partition(" ")
    if not rest.strip():
        raise QuestionError(f"{question}.sql: {key} {text.strip()!r} needs a name and what it is")
    return name, rest.strip()


def _whole(question: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise QuestionError(f"{question}.sql: limit {text!r} is not a number of rows")
    return int(text)
