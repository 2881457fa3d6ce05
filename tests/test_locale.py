"""English in the code, Korean in the ``.po`` file, and nothing between the two."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from cortex_otel.locale import N_, Texts, _, language, ngettext, texts
from cortex_otel.query import store_errors
from cortex_otel.show.web import problems
from cortex_otel_exporters.sqlite import reader

ROOT = Path(__file__).parents[1]
HANGUL = re.compile("[가-힣]")
#: Beside their Korean texts: secrets are called by Korean names too, the demo's made-up memory
#: holds a Korean note, and a language is offered by its own name.
KOREAN_DATA = {
    "cortex_otel/process/patterns.py",
    "cortex_otel/demo/memory.py",
    "cortex_otel/demo/scenario.py",
    "cortex_otel/show/web/templates/shell.html",
}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("texts_tool", ROOT / "tools" / "texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def template(tool):
    return tool.extracted()


@pytest.fixture
def known(tool):
    return tool.recorded()


def catalog(**korean):
    found = Catalog(locale="ko")
    for english, text in korean.items():
        found.add(english, text)
    return found


def test_every_text_has_its_korean_and_every_korean_its_text(tool, template, known):
    assert [*tool.faults(known, template)] == []
    assert len(template) > 800


def test_the_compiled_files_are_those_of_the_po(tool, template, known):
    assert [*tool.drifted(known, template)] == []


def test_the_po_is_as_the_tool_writes_it(tool, template, known):
    """Places are left out: a text may move without anybody reading Korean."""
    ids = [message.id for message in tool.updated(known, template)]
    assert sorted(map(str, ids)) == sorted(str(message.id) for message in tool.recorded())


@pytest.mark.parametrize(
    ("english", "korean", "fault"),
    [
        (["a", "b"], {"a": "ㄱ"}, "no Korean: 'b'"),
        (["a"], {"a": ""}, "no Korean: 'a'"),
        (["a"], {"a": "ㄱ", "b": "ㄴ"}, "no code uses it: 'b'"),
        (["{a} b"], {"{a} b": "ㄱ"}, "other placeholders than the English: '{a} b'"),
        (["{a:,}"], {"{a:,}": "{a}"}, "other placeholders than the English: '{a:,}'"),
    ],
)
def test_what_is_wrong_is_told(tool, english, korean, fault):
    assert [*tool.faults(catalog(**korean), catalog(**dict.fromkeys(english, "")))] == [fault]


def test_a_new_text_wants_its_korean(tool):
    known = tool.updated(catalog(), catalog(**{"brand new": ""}))
    assert [*tool.faults(known, catalog(**{"brand new": ""}))] == ["no Korean: 'brand new'"]


def test_a_text_whose_english_changes_keeps_its_korean_to_be_looked_at(tool):
    changed = catalog(**{"the file is not there": ""})
    known = tool.updated(catalog(**{"the file isn't there": "파일 없음"}), changed)
    message = known["the file is not there"]
    assert (message.string, message.fuzzy) == ("파일 없음", True)
    assert [*tool.faults(known, changed)] == ["fuzzy, to be looked at: 'the file is not there'"]


def test_no_text_is_where_the_tool_does_not_look(template):
    """Of an f-string Babel sees nothing before Python 3.12."""
    hidden = []
    for path in (ROOT / "cortex_otel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in {"_", "N_", "gettext", "ngettext"} and isinstance(first, ast.Constant):
                hidden += [(path.name, first.value)] * (first.value not in template)
            assert name != "N_" or isinstance(first, ast.Constant), path
    for path in (ROOT / "cortex_otel/show/web/static/js").rglob("*.js"):
        if "vendor" not in path.parts:
            for text in re.findall(r'\b(?:_|N_|ngettext)\(\s*("[^"]*")', path.read_text("utf-8")):
                hidden += [(path.name, text)] * (json.loads(text) not in template)
    assert hidden == []


def test_no_particle_depends_on_a_value(known):
    """After a value, 은/는, 이/가, 을/를 and (으)로 would depend on how it ends."""
    particle = re.compile(r"\}(은|는|이|가|을|를|와|과|로|으로|이나|나|이며|며)(?![가-힣])")
    either = re.compile(r"\(?[은을이]\)?/?\(?[는를가]\)")
    for message in known:
        korean = message.string[0] if message.pluralizable else message.string
        assert message.id == "" or not (particle.search(korean) or either.search(korean)), korean


def test_a_korean_text_is_korean_unless_it_is_names_alone(known):
    for message in known:
        if message.id and not HANGUL.search(str(message.string)):
            others = {"success, error, timeout or cancelled", "the IDE", "pp", "{low} to {high}"}
            assert message.string == message.id or message.id in others
            assert not re.search(r"(?<!\{)\b[a-z]{4}", message.id) or message.id in others | {
                "cortex-otel {ours}, SDK {sdk}, SQLite {sqlite}, Python {python}"
            }


def test_nothing_is_spelt_in_two_languages_elsewhere():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cortex_otel").rglob("*")
        if path.suffix in {".py", ".sql", ".js", ".html", ".css"}
        and "vendor" not in path.parts
        and HANGUL.search(path.read_text(encoding="utf-8"))
    }
    assert found <= KOREAN_DATA


def test_every_trouble_of_reading_has_a_text():
    reasons = set(typing.get_args(reader.Reason))
    assert store_errors._MESSAGES.keys() == reasons
    assert problems._STORE_MESSAGES.keys() == reasons


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
    assert _("{time} ({age} ago)", time="1", age=_("{count} min", count=3)) == "1 (3분 전)"
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    assert _("Waiting for {path} …", path="/a{b}") == "Waiting for /a{b} …"
    assert _("no {values} here") == "no {values} here"
    with pytest.raises(KeyError):
        _("Waiting for {path} …", other="x")


@pytest.mark.parametrize(
    ("lang", "count", "expected"),
    [
        ("en", 1, "1 problem"),
        ("en", 0, "0 problems"),
        ("en", 2, "2 problems"),
        ("ko", 1, "문제 1개"),
    ],
)
def test_the_form_is_that_of_the_number(monkeypatch, lang, count, expected):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    assert ngettext("{count} problem", "{count} problems", count, count=count) == expected


def test_what_nobody_translated_stays_english():
    assert texts("ko").gettext(N_("nobody has translated this")) == "nobody has translated this"
    assert texts("ko").gettext("") == "", "not the header of the catalogue"
    assert texts("fr").gettext("Overview") == "Overview"
    assert isinstance(texts("en"), Texts)


@pytest.mark.system
def test_an_instrumented_process_imports_none_of_it():
    program = (
        "import sys, cortex_otel\n"
        "cortex_otel.configure(service='mcp')\n"
        "sys.exit('cortex_otel.locale' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
