"""The pages as declarations: everything they name exists, in both languages."""

from __future__ import annotations

import re

import apsw
import pytest

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import COMMON_PARAMETERS, catalogue
from cortex_otel.query.runner import run
from cortex_otel.query.titles import COLUMN_TITLES
from cortex_otel.show.pages import PAGES
from cortex_otel_exporters.sqlite import schema
from cortex_otel_exporters.sqlite.reader import open_reader

PANELS = [
    pytest.param(page, panel, id=f"{page.id}-{panel.id}")
    for page in PAGES.values()
    for panel in page.panels
]
HANGUL = re.compile("[가-힣]")
#: Without a particle or a word of Korean: they are the same in both languages.
SAME = {"IDE", "n", "P50", "P95", "P99", "DAU", "WAU", "MAU", "DAU / MAU"}

#: They say which tier users had when, so no tier can be chosen beside.
BY_TIER_HISTORY = {"tiers", "tier_downgrades", "reliability_conversion", "conversion",
                   "conversion_total", "answer_conversion"}  # fmt: skip

#: What serve itself does and finds has no tier; a job not even a service.
OF_NO_TIER, OF_NO_SERVICE = {"alerts", "jobs"}, {"jobs"}


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "cortex.db"
    writer = apsw.Connection(str(path))
    writer.pragma("journal_mode", "WAL")
    schema.migrate(writer)
    connection = open_reader(path)
    yield connection
    connection.close()
    writer.close()


def test_the_pages_of_the_specification_come_first():
    first = ["overview", "mcp", "extension", "users", "user", "errors"]
    assert list(PAGES)[: len(first)] == first
    for name, page in PAGES.items():
        assert page.id == name
        assert len({panel.id for panel in page.panels}) == len(page.panels)
        assert page.title_in("ko") != page.title or page.id == "mcp"


@pytest.mark.parametrize(("page", "panel"), PANELS)
def test_a_panel_names_what_there_is(page, panel):
    question = catalogue()[panel.question]
    columns = {column.name: column for column in question.columns}
    if panel.draw == "sentence":
        told = set(re.findall(r"\{(\w+)\}", panel.sentence))
        assert told
        assert told <= columns.keys()
        # What is drawn is of the second question; it accepts the same filters.
        trend = catalogue()[panel.trend]
        columns = {column.name: column for column in trend.columns}
        assert columns[panel.x].unit in {"unix_ns", "epoch_day"}
    named = {*panel.values, *panel.links, *filter(None, (panel.x, panel.split))}
    assert named <= columns.keys()
    assert set(panel.links.values()) <= {*PAGES, "trace"}
    assert re.fullmatch("[a-z_]+", panel.id)
    known = {parameter.name for parameter in question.parameters} | COMMON_PARAMETERS.keys()
    assert panel.parameters.keys() <= known
    if panel.draw != "table":
        assert panel.values, "what is drawn is said, so that a new column changes no chart"
    for name in panel.values:
        numbers = {"count", "ratio", "factor", "number", "ms", "tokens", "unix_ns"}
        assert panel.draw == "table" or columns[name].unit in numbers
    if panel.draw in {"lines", "bars"}:
        over_time = columns[panel.x].unit in {"unix_ns", "epoch_day"}
        assert over_time or page.group, "a chart by number is one of the pages for asking"
        # Of those who are still inside a window nothing is said: they are pending.
        told = columns.keys() & {"partial", "pending_users"}
        assert told or not over_time, "a period that is not over would look like a fall"
    if panel.draw in {"pie", "ranking", "matrix"}:
        assert columns[panel.x].unit == "text"
    for column in panel.values:
        if re.fullmatch(r"p\d\d_ms", column):
            assert columns.keys() & {"n", "timed"}, "percentiles come with their n"


@pytest.mark.parametrize(("page", "panel"), PANELS)
def test_a_panel_speaks_both_languages(page, panel):
    question = catalogue()[panel.question]
    assert HANGUL.search(panel.title_in("ko")) or panel.title_in("ko") in SAME
    assert not HANGUL.search(panel.title_in("en"))
    assert HANGUL.search(texts("ko").gettext(panel.empty)), "what would fill it is said"
    assert HANGUL.search(question.about_in("ko"))


@pytest.mark.parametrize("question", catalogue().values(), ids=lambda each: each.name)
def test_a_question_speaks_both_languages(question):
    for parameter in question.parameters:
        assert HANGUL.search(parameter.meaning_in("ko"))
    for column in question.columns:
        assert column.meaning_in("ko") != column.meaning or not re.search("[a-z]", column.meaning)


def test_titles_of_columns_are_of_both_languages_and_of_columns_that_are():
    used = {column.name for question in catalogue().values() for column in question.columns}
    of_one = {f"{name}.{each.name}" for name, of in catalogue().items() for each in of.columns}
    assert COLUMN_TITLES.keys() <= used | of_one
    for name, title in COLUMN_TITLES.items():
        assert title != name.replace("_", " ").capitalize(), "it would be called so anyway"
    for question in catalogue().values():
        for column in question.columns:
            assert column.title_in("ko") in SAME | {"ID"} or HANGUL.search(column.title_in("ko"))
            assert len(column.title_in("en")) <= 24, "it heads a column"


@pytest.mark.parametrize(("page", "panel"), PANELS)
def test_a_filter_that_a_panel_has_no_use_for_is_the_exception(page, panel):
    """Service and tier narrow every panel; what the page is about narrows it too."""
    question = catalogue()[panel.question]
    assert question.accepts("service") or question.name in OF_NO_SERVICE
    assert question.accepts("user_tier") or question.name in BY_TIER_HISTORY | OF_NO_TIER
    if page.id == "user":
        assert question.accepts("user")


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.id)
def test_every_filter_of_a_page_narrows_one_of_its_panels(page):
    for name in page.filters:
        assert any(catalogue()[panel.question].accepts(name) for panel in page.panels), name


@pytest.mark.parametrize(("page", "panel"), PANELS)
def test_an_empty_store_answers_at_once(empty_store, page, panel):
    question = catalogue()[panel.question]
    result = run(empty_store, question, dict(panel.parameters), row_limit=panel.limit)
    assert not result.truncated
    for row in result.records():
        # Counts are 0, and nothing is claimed of what can't be known: no mean, no ratio, no time.
        for column in result.columns:
            mean = column.name.startswith("avg_") or "_per_" in column.name
            if panel.draw == "funnel" or question.name in {"funnel", "funnel_times"}:
                # Steps and bars are there, with nobody in them; they have names and places.
                assert not row["users"]
                continue
            known = column.unit == "count" and not mean
            assert row[column.name] == (0 if known else None) or column.unit in {
                "epoch_day",
                "flag",
            }, column.name


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.id)
def test_a_control_means_the_same_to_all_panels_of_its_page(page):
    """One control sets the parameter of all of them, so it has one default."""
    for control in page.controls:
        defaults = {
            known.default
            for panel in page.panels if control.name not in panel.parameters
            for known in catalogue()[panel.question].parameters if known.name == control.name
        }  # fmt: skip
        assert defaults == {control.default}, control.name
