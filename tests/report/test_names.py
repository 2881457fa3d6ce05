"""Names are data: shown as they are, shortened or with a box in place of a letter, never markup."""

from __future__ import annotations

import unicodedata

import pytest
import seeding

from cortex_otel.query.zones import zone
from cortex_otel.show.report.letters import MAX_LENGTH, MISSING, legible, letters
from cortex_otel.show.report.pdf import typeset

pytestmark = pytest.mark.system

START = zone("Asia/Seoul").instant("2026-03-11T10:00")
#: Names and what is shown of them.
HOSTILE = {
    '#eval("1+1")': '#eval("1+1")',
    '#read("/etc/passwd")': '#read("/etc/passwd")',
    "$ x^2 $": "$ x^2 $",
    "*bold* _it_ `raw`": "*bold* _it_ `raw`",
    "= Heading": "= Heading",
    "@cite <label> //": "@cite <label> //",
    "\\u{41} \\": "\\u{41} \\",
    "'single' \"double\"": "'single' \"double\"",
    "{wau} %s {0}": "{wau} %s {0}",
    "도구_검색": "도구_검색",
    unicodedata.normalize("NFD", "한글"): "한글",
    "line\r\nbreak": "line  break",
    "emoji🙂end": f"emoji{MISSING}end",
    "\u202egnirts\u202c": "gnirts",
    "عربي": MISSING * 4,
    "z\u0301\u0302\u0303algo": "źalgo",
    "nul\x00l": f"nul{MISSING}l",
    "a" * 60 + "-the-end": "a" * 23 + "…" + "aaaa-the-end",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_shown_of_a_name(name):
    assert legible(name) == HOSTILE[name]
    assert len(legible(name)) <= MAX_LENGTH
    assert set(legible(name)) <= letters()


@pytest.fixture
def hostile():
    """Each as a tool that is slow, that fails, and that was never called before."""
    return [
        seeding.Event(
            time=START - 14 * seeding.DAY + number * 10**9, tool_name="before", name="x",
            user=seeding.user_hash(1), session="s", duration=10**6,
        )
        for number in range(3)
    ] + [
        seeding.Event(
            time=START + place * 10**10 + number * 10**7,
            tool_name=name, name=f"call {name}", duration=(50 + place) * 10**6,
            result="error", error_type=f"E{name}", error_message=f"secret message {name}",
            user=seeding.user_hash(1), session="s1",
        )
        for place, name in enumerate(HOSTILE)
        for number in range(30 + place)
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ko"])
def test_hostile_names_stand_in_the_report_as_they_are(report, hostile, language):
    """The five worst are shown; each name is among them once."""
    names = list(HOSTILE)
    for first in range(0, len(names), 5):
        chosen = set(names[first : first + 5])
        events = [event for event in hostile if event.tool_name in chosen | {"before"}]
        _, _, text = report(events, language=language)
        flat = "".join(text.split())
        for name in chosen:
            assert "".join(HOSTILE[name].split()) in flat, name
        assert "root:" not in text, "a file was read"
        assert "secret" not in text


def test_a_service_and_a_rule_of_any_name(report, population, tmp_path):
    import apsw

    copy = tmp_path / "copy.db"
    connection = apsw.Connection(str(population))
    target = apsw.Connection(str(copy))
    with target.backup("main", connection, "main") as backup:
        backup.step()
    target.execute(
        "INSERT INTO alerts (rule, subject, state, since, fired, value, threshold, detail)"
        " VALUES ('#panic()', '$x$ _y_', 'firing', 1, ?, 1, 1, '{}')", (START,),
    )  # fmt: skip
    for each in (connection, target):
        each.close()
    _, _, text = report(copy)
    assert "#panic(): $x$ _y_" in text


@pytest.mark.parametrize("weight", ["regular", "semibold"])
def test_the_font_has_every_letter_of_the_list(weight):
    """PDF/UA-1 refuses a letter without a glyph, so a report of all of them would fail."""
    from cortex_otel.show.report import pdf

    every = "".join(sorted(letters()))
    for start in range(0, len(every), 1500):
        piece = every[start : start + 1500]
        page = _page(notes=[piece], explained=piece if weight == "regular" else "")
        assert pdf.typeset(page).startswith(b"%PDF-1.7")
    with pytest.raises(Exception, match=r"could not be displayed|font"):
        typeset(_page(notes=["🙂"]))


def test_every_korean_text_can_be_set():
    """Letters of all translations, whichever of them a report comes to say."""
    from cortex_otel.locale import texts

    said = texts("ko").gettext
    for source in (
        "The week in five sentences", "Conversion and cohorts", "Incidents", "Worst failures",
        "This week isn't over: its numbers are as of {moment}.",
        "A whole week of use, Monday to Sunday, fills this: it is too early to say.",
    ):  # fmt: skip
        assert set(said(source)) <= letters(), said(source)


def test_nothing_of_a_person_is_in_it(full_week, population):
    """Hashes, session ids, messages and traces are in the store, and nowhere in a report."""
    for _, pdf, text in full_week.values():
        flat = "".join(text.split())
        for number in range(1, 90):
            assert seeding.user_hash(number)[:8] not in flat
            assert seeding.user_hash(number)[:8].encode() not in pdf
        assert " in run:" not in text
        assert "more-" not in text
        assert str(population.parent).encode() not in pdf


def _page(**more):
    """A report that says next to nothing."""
    from cortex_otel.show.report.content import content
    from cortex_otel.show.report.facts import ASKED, Answer, Facts
    from cortex_otel.show.report.weeks import Week

    facts = Facts(
        week=Week(2026, 11), zone=zone("UTC"), from_ns=START, to_ns=START + seeding.DAY,
        is_over=True, answers={name: Answer(()) for name in ASKED}, causes=(),
    )  # fmt: skip
    return {**content(facts, "en"), **more}
