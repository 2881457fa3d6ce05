"""No column of a closed list shows its codes: each has words, in the JSON that is committed."""

from __future__ import annotations

import re

import pytest

from cortex_otel.locale import LANGUAGES
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dashboards as generator
from cortex_otel.show.grafana.pages import PAGES_OF_GRAFANA
from cortex_otel.show.value_labels import BY_COLUMN, COMPOSED, label_of

#: Names, numbers with their unit, and sentences; any text may stand in them.
OPEN = {
    "arm", "bar", "error_type", "event_type", "feature", "flag", "id", "ide", "interaction", "job",
    "job_detail", "message", "name", "os", "parent_span_id", "place", "service", "session_id",
    "shown_threshold", "shown_value", "span_id", "step", "subject", "tool_name", "trace_id",
    "user_id_hash", "variant", "winner", "with_tool", "breakdown", "period_name",
}  # fmt: skip
TEXTS = [
    (question.name, column)
    for question in catalogue().values()
    for column in question.columns
    if column.unit == "text"
]
PANELS = [
    (language, page.id, place)
    for language in LANGUAGES
    for page in PAGES_OF_GRAFANA.values()
    for place in range(len(page.panels))
]


def test_every_text_is_a_closed_list_or_known_to_be_none():
    assert {
        column.name
        for _, column in TEXTS
        if not column.choices and column.name not in OPEN and column.name not in COMPOSED
    } == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_of_a_closed_list_has_words(language):
    for question, column in TEXTS:
        for value in column.choices:
            assert value in BY_COLUMN[column.name], (question, column.name, value)
            words = label_of(column.name, value, language)
            assert words != value
            assert language != "ko" or re.search("[가-힣]", words), words


@pytest.mark.parametrize(("language", "page_id", "place"), PANELS)
def test_every_closed_column_of_a_panel_is_mapped(dashboards, language, page_id, place):
    page = PAGES_OF_GRAFANA[page_id]
    panel = dashboards[language][generator.uid_of(page)]["panels"][place]
    question = catalogue()[page.panels[place].question]
    mapped = {
        each["matcher"]["options"]: found["value"]
        for each in panel["fieldConfig"]["overrides"]
        for found in each["properties"]
        if found["id"] == "mappings"
    }
    for column in question.columns:
        if column.choices:
            options = mapped[column.name][0]["options"]
            for value in column.choices:
                assert options[value]["text"] == label_of(column.name, value, language)


def test_what_is_made_of_several_codes_is_told_in_words():
    assert label_of("reasons", "age 3, queue_full 12, x 1", "en") == (
        "too old 3, the queue was full 12, x 1"
    )
    assert label_of("delivery", "slack delivered, webhook trying: HTTP 500", "ko") == (
        "Slack 전달됨, 웹훅 시도 중: HTTP 500"
    )
    assert label_of("target", "2:(end)", "en") == "2:End of the session"
    assert label_of("target", "2:mcp.tool_call:end", "en") == "2:mcp.tool_call:end"
