"""Bounds that only a mutant would move."""

from __future__ import annotations

import json

import pytest

from cortex_otel.receive import lenient_json

DEEPEST = lenient_json._DEEPEST


@pytest.mark.parametrize("pair", ["[]", "{}"])
@pytest.mark.parametrize(("levels", "kept"), [(DEEPEST, True), (DEEPEST + 1, False)])
def test_the_deepest_level_is_kept_and_the_next_is_null(pair, levels, kept):
    begin = "[" if pair == "[]" else '{"a":'
    text = begin * levels + "1" + pair[1] * levels
    pruned = lenient_json._pruned(text)
    assert (pruned == text) is kept
    found, depth = json.loads(pruned), 0
    while isinstance(found, (list, dict)):
        found, depth = found[0] if isinstance(found, list) else found["a"], depth + 1
    assert (depth, found) == (DEEPEST, 1 if kept else None)


def test_what_stands_beside_a_deep_value_is_kept():
    deep = "[" * (DEEPEST + 5) + "]" * (DEEPEST + 5)
    read = json.loads(lenient_json._pruned(f'[1,{deep},2,{deep},"]"]'))
    assert (read[0], read[2], read[4]) == (1, 2, "]")


def test_a_text_that_goes_down_for_ever_is_refused():
    lenient_json._pruned("[" * lenient_json._ABSURD)
    with pytest.raises(ValueError, match="too deeply"):
        lenient_json._pruned("[" * (lenient_json._ABSURD + 1))


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        ("9223372036854775808", 2**63), ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64), ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)), ("0", 0),
    ],
)  # fmt: skip
def test_an_integer_is_one_as_long_as_it_has_a_place_in_64_bits(digits, number):
    found = lenient_json._number(digits)
    assert found == number
    assert type(found) is type(number)
