"""Keep the Korean texts in step with the English ones, which stand in the code.

``make texts`` looks for every text (``_("…")``, ``N_("…")``, ``ngettext("…", "…", n)``, and the
headers of our SQL), updates ``cortex_otel/locale/ko/LC_MESSAGES/cortex_otel.po`` and compiles it. A
new text comes in empty; one whose English was changed keeps its Korean, marked ``fuzzy``, with the
former English above it. Both must be looked at by somebody who reads Korean, so they are errors, as
in ``--check``, which writes nothing and is part of ``make lint``.
"""

from __future__ import annotations

import contextlib
import io
import json
import string
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from cortex_otel.locale import DOMAIN
from cortex_otel.query.catalogue import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "cortex_otel" / "locale" / "ko" / "LC_MESSAGES"
SOURCE = FOLDER / f"{DOMAIN}.po"

_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_SQL = "cortex_otel/query/sql/*.sql"
#: Where texts stand, and how Babel reads it. Another kind of file is a line here.
_SOURCES = (
    ("cortex_otel/**/*.py", "python"),
    ("cortex_otel/show/web/templates/*.html", "jinja2.ext:babel_extract"),
    ("cortex_otel/show/web/static/js/**/*.js", "javascript"),
    (_SQL, "sql"),
)
_HEADER = "Korean texts of cortex-otel. New ones come in by `make texts`; see CONTRIBUTING.md."


class _Korean(Catalog):
    """A catalogue without the times and versions that would differ from run to run."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        super().__init__(locale="ko", header_comment=f"# {_HEADER}", fuzzy=False)
        for message in messages:
            # Babel takes "95 % of" for a format of printf.
            message.flags &= {"fuzzy"}
            self[message.id] = message

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "cortex-otel"),
            ("Language", "ko"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", f"{self.plural_forms}\n"),
        ]


def extracted() -> Catalog:
    """Every text of the code, with the files it stands in."""
    found = Catalog()
    for path, texts in _texts():
        for message in texts:
            found.add(message, locations=[(path, 0)])
    return found


def recorded() -> Catalog:
    """What ``ko.po`` holds."""
    with SOURCE.open("rb") as file:
        return read_po(file, locale="ko")


def updated(known: Catalog, template: Catalog) -> Catalog:
    """``known`` with exactly the texts of ``template``; near ones keep their Korean, fuzzy."""
    known.update(template)
    return _Korean(message for message in known if message.id)


def faults(known: Catalog, template: Catalog) -> Iterator[str]:
    """What is wrong with ``known``: a line each."""
    for message in template:
        if message.id and message.id not in known:
            yield f"no Korean: {_shown(message)}"
    for message in known:
        if not message.id:
            continue
        english = message.id if message.pluralizable else (message.id,)
        korean = message.string if message.pluralizable else (message.string,)
        if message.id not in template:
            yield f"no code uses it: {_shown(message)}"
        elif message.fuzzy:
            yield f"fuzzy, to be looked at: {_shown(message)}"
        elif not all(each and each.strip() for each in korean):  # a new one has none
            yield f"no Korean: {_shown(message)}"
        elif any(_fields(each) != _fields(english[-1]) for each in korean):
            yield f"other placeholders than the English: {_shown(message)}"


def compiled(known: Catalog, template: Catalog) -> dict[Path, bytes]:
    """The files that are made from ``known``: for Python, and for the browser only its own."""
    buffer = io.BytesIO()
    write_mo(buffer, _Korean(message for message in known if message.id))
    browser = {}
    for message in template:
        if any(path.endswith(".js") for path, _ in message.locations):
            found = known[message.id]
            korean = found.string[0] if found.pluralizable else found.string
            if korean and not found.fuzzy:
                browser[found.id[0] if found.pluralizable else found.id] = korean
    listed = json.dumps(browser, ensure_ascii=False, indent=1, sort_keys=True)
    return {
        SOURCE.with_suffix(".mo"): buffer.getvalue(),
        FOLDER / "browser.json": f"{listed}\n".encode(),
    }


def drifted(known: Catalog, template: Catalog) -> Iterator[str]:
    """Compiled files that differ from what they are compiled from: a line each."""
    for path, content in compiled(known, template).items():
        if not path.exists() or path.read_bytes() != content:
            yield f"{path.relative_to(ROOT)} is out of date: make texts"


def _texts() -> Iterator[tuple[str, Iterator[str | tuple[str, ...]]]]:
    for pattern, method in _SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if "/vendor/" not in name:
                yield name, (_of_question(path) if method == "sql" else _of_code(path, method))


def _of_code(path: Path, method: str) -> Iterator[str | tuple[str, ...]]:
    with path.open("rb") as file:
        options = {"encoding": "utf-8", "silent": "false", "parse_template_string": "true"}
        # Babel warns of every f-string beside a text; ruff (INT001) knows those that are one.
        with contextlib.redirect_stderr(io.StringIO()):
            found = [message for _, message, *_ in extract(method, file, _KEYWORDS, (), options)]
    yield from found


def _of_question(path: Path) -> Iterator[str]:
    name = path.stem
    if name.endswith(".exact"):
        return  # its header is for who reads the SQL
    question = parse(name, path.read_text(encoding="utf-8"))
    yield from (question.title, question.about)
    for column in question.columns:
        yield from (column.title, column.meaning)
    for parameter in question.parameters:
        if parameter.is_special:
            yield parameter.meaning
    for parameter in question.settable:
        yield parameter.title


def _fields(text: str) -> list[tuple[str, str | None, str | None]]:
    return sorted(
        (name, spec or "", conversion or "")
        for _, name, spec, conversion in string.Formatter().parse(text)
        if name is not None
    )


def _shown(message: Message) -> str:
    text = message.id[0] if message.pluralizable else message.id
    places = sorted({path for path, _ in message.locations})
    return f"{text!r} ({', '.join(places[:2])})" if places else repr(text)


def main(arguments: list[str]) -> int:
    """Update and compile, or only ``--check``; 1 if somebody has something to do."""
    template = extracted()
    known = recorded()
    if arguments == ["--check"]:
        found = [*faults(known, template)]
        found = found or [*drifted(known, template)]
    else:
        known = updated(known, template)
        with SOURCE.open("wb") as file:
            write_po(
                file,
                known,
                width=100,
                sort_by_file=True,
                ignore_obsolete=True,
                include_previous=True,
                include_lineno=False,
            )
        for path, content in compiled(known, template).items():
            path.write_bytes(content)
        found = [*faults(known, template)]
    for line in found:
        sys.stderr.write(f"{SOURCE.relative_to(ROOT)}: {line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
