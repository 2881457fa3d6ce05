from __future__ import annotations

import ast
import re
import string
import typing
from pathlib import Path

import pytest

import cortex_otel
from cortex_otel.messages import TEXTS, language, text
from cortex_otel_exporters.sqlite import reader


def fields_of(message):
    return sorted(name for _, name, _, _ in string.Formatter().parse(message) if name)


@pytest.mark.parametrize("lang", sorted(TEXTS))
def test_every_language_has_the_same_texts_and_values(lang):
    assert TEXTS[lang].keys() == TEXTS["en"].keys()
    for key, message in TEXTS[lang].items():
        assert message.strip()
        assert fields_of(message) == fields_of(TEXTS["en"][key]), key


def test_no_particle_depends_on_a_value():
    particle = re.compile(r"\}(은|는|이|가|을|를|와|과|로|으로|이나|나|이며|며)(?![가-힣])")
    assert [key for key, message in TEXTS["ko"].items() if particle.search(message)] == []
    assert not any(
        re.search(r"\(?[은을이]\)?/?\(?[는를가]\)", each) for each in TEXTS["ko"].values()
    )


def test_every_text_asked_for_exists():
    package = Path(cortex_otel.__file__).parent
    asked = set()
    for path in (package / "cli.py", *(package / "commands").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="text"), args=[ast.Constant(value=key)]):
                    asked.add(key)
    assert asked <= TEXTS["en"].keys()
    assert len(asked) > 40


def test_every_trouble_of_reading_has_a_text():
    for reason in typing.get_args(reader.Reason):
        assert f"store_{reason}" in TEXTS["en"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "ko", "LANG": "en_US"}, "ko"),
        ({"CORTEX_OTEL_LANG": "ko", "LC_ALL": "en_US"}, "ko"),
        ({"CORTEX_OTEL_LANG": "en", "LANG": "ko_KR"}, "en"),
        ({"CORTEX_OTEL_LANG": "", "LANG": "ko_KR"}, "ko"),
        ({"CORTEX_OTEL_LANG": "fr"}, "en"),
    ],
)
def test_language(environ, expected):
    assert language(environ) == expected


def test_values_are_filled_in(monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    assert text("idle", age=text("minutes", count=3)).endswith("3분 전.")
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    assert text("waiting", path="/a{b}") == "Waiting for /a{b} …"
    with pytest.raises(KeyError):
        text("no such text")
