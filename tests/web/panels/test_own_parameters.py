"""Parameters that a question declares, as requests give them: made of the header alone."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from cortex_otel.query.catalogue import QuestionError, parse
from cortex_otel.show.web.own_parameters import bad_own, of_question, with_parameters
from cortex_otel.show.web.parameters import RangeQuery

QUESTION = parse(
    "asked",
    """\
-- title: T
-- about: A
-- cursor: time before_ns
-- parameter: from_ns
-- parameter: user text '' a filter of rows
-- parameter: before_ns integer 0 of paging
-- parameter: as_of_ns integer 0 a moment
-- parameter: row_limit integer 9 of paging
-- parameter: steps text '["a.b","tier:paid"]' the steps
-- parameter: within_s integer 604800 the window
-- parameter: order ordered|any|strict ordered how they follow
-- parameter: breakdown tier|variant:* '' what divides them
-- parameter: depth integer 5 how deep
-- parameter: share real 0.5 how much
-- parameter: anchor text '' where it begins
-- column: time unix_ns t
SELECT 1
""",
)
OWN = {each.name: each for each in of_question(QUESTION)}
MODEL = with_parameters("Asked", RangeQuery, OWN.values())


def values(**given):
    model = MODEL(**given)
    return {
        own.parameter.name: own.value(getattr(model, name))
        for name, own in OWN.items()
        if getattr(model, name) is not None
    }


def test_what_is_asked_can_be_set_and_nothing_else():
    assert list(OWN) == ["steps", "within", "order", "breakdown", "depth", "share", "anchor"]
    assert [each.kind for each in OWN.values()] == [
        "steps", "time", "choice", "choice", "number", "number", "text",
    ]  # fmt: skip
    assert values() == {}


def test_defaults_are_written_as_a_request_gives_them():
    assert {name: own.default for name, own in OWN.items()} == {
        "steps": "a.b > tier:paid", "within": "7d", "order": "ordered", "breakdown": "",
        "depth": "5", "share": "0.5", "anchor": "",
    }  # fmt: skip
    for name, own in OWN.items():
        if own.default:
            given = [own.default] if own.parameter.is_list else own.default
            asked = values(**{name: given})[own.parameter.name]
            if name == "steps":
                assert json.loads(asked) == json.loads(own.parameter.default)
            else:
                assert asked == own.parameter.default


@pytest.mark.parametrize(
    ("given", "expected"),
    [(["a.b", "c.d"], ["a.b", "c.d"]), (["a.b > c.d"], ["a.b", "c.d"]),
     (["x:a>b", "a.b > c.d"], ["x:a>b", "a.b", "c.d"]), (['["a.b"]'], ["a.b"]), (['["a'], ['["a'])],
)  # fmt: skip
def test_steps_are_repeated_or_joined(given, expected):
    assert json.loads(values(steps=given)["steps"]) == expected


@pytest.mark.parametrize(
    ("within", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("0d", 0)],
)
def test_a_time_is_a_number_of_seconds(within, seconds):
    assert values(within=within) == {"within_s": seconds}


@pytest.mark.parametrize(
    ("name", "value"),
    [("within", "soon"), ("within", "1.5d"), ("order", "sorted"), ("breakdown", "variant:"),
     ("breakdown", "country"), ("depth", "-1"), ("depth", "many"), ("share", "nan"),
     ("anchor", "x" * 201), ("steps", ["a", ""]), ("steps", ["x"] * 21)],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_it_cannot_be_is_refused_with_advice(name, value, language):
    with pytest.raises(ValidationError) as refused:
        MODEL(**{name: value})
    assert refused.value.errors()[0]["loc"][0] == name
    error = bad_own(OWN[name], value).body(language)["error"]
    assert error["field"] == name
    assert "{" not in error["message"]


def test_the_advice_names_what_is_allowed():
    message = bad_own(OWN["breakdown"], "country").message("en")
    assert message == "'country' isn't known for breakdown: use tier, variant:…"


def test_an_open_choice_takes_what_comes_after_it():
    assert values(breakdown="variant:new-search") == {"breakdown": "variant:new-search"}


def test_the_runner_refuses_what_is_no_choice(admin):
    from cortex_otel.query.runner import QueryParameterError, run
    from cortex_otel_exporters.sqlite.reader import open_reader

    connection = open_reader(admin.database)
    with pytest.raises(QueryParameterError, match="ordered, any, strict"):
        run(connection, QUESTION, {"order": "sorted"})
    assert run(connection, QUESTION, {"order": "any", "breakdown": "variant:x"}).rows == ((1,),)
    connection.close()


def test_a_closed_list_has_a_default_that_is_a_text():
    with pytest.raises(QuestionError, match="parameter"):
        parse("q", "-- title: T\n-- about: A\n-- column: a count a\n-- parameter: p a|b\nSELECT 1")
