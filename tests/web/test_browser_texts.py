"""What the browser is given: texts in both languages, shells that escape, files that are whole."""

from __future__ import annotations

import hashlib
import html.parser
import json
import re
import string
from pathlib import Path

import pytest

from cortex_otel.show.pages import Page, Panel
from cortex_otel.show.web import texts, views

STATIC = views.static_directory()
TEMPLATES = Path(views.__file__).parent / "templates"
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}"
PAGE = Page(
    id="overview",
    titles={"en": HOSTILE, "ko": HOSTILE},
    panels=(Panel(id="dau", question="dau", draw="lines", titles={"en": HOSTILE, "ko": HOSTILE}),),
    filters=("service", "user_tier", "user"),
)
MODULES = sorted((STATIC / "js").rglob("*.js"))


def page(**more):
    options = {"language": "en", "theme": "auto", "query": {}} | more
    return views.page_html(PAGE, **options)


class Reader(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_and_placeholders():
    english, korean = texts.TEXTS["en"], texts.TEXTS["ko"]
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert placeholders(text) == placeholders(korean[key]), key


def test_korean_has_no_particle_that_depends_on_a_value():
    """After a value, 은/는, 이/가, 을/를 and (으)로 would depend on how it ends."""
    for key, text in texts.TEXTS["ko"].items():
        assert not re.search(r"\}(은|는|이|가|을|를|와|과|로|으로)(?=[\s.,]|$)", text), key


def test_every_text_that_a_script_or_template_asks_for_exists_and_none_is_left_over():
    asked = set()
    for path in [*MODULES, *TEMPLATES.glob("*.html"), Path(views.__file__)]:
        source = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r"""\b(?:t|text)\(\s*["'`](\w+)["'`]""", source))
    for key in (each for each in asked if not each.endswith("_")):
        assert key in texts.TEXTS["en"], key
    # Named by a part and a value: tiers, results, filters, presets, pages.
    composed = (
        "tier_", "result_", "filter_", "placeholder_", "since_", "theme_", "link_", "sense_",
        "key_", "live_", "kind_", "see_",
    )  # fmt: skip
    unused = {key for key in texts.TEXTS["en"].keys() - asked if not key.startswith(composed)}
    assert not unused


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_holds_no_inline_script_style_or_foreign_address(language):
    for text in (
        page(language=language),
        views.trace_html("ab" * 16, language=language, theme="dark", query={}),
        views.sign_in_html(language),
        views.error_html(404, "not_found", "No such page", language),
    ):
        for tag, attributes in Reader(text).tags:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            if tag == "script":
                assert attributes.get("src", "").startswith("/static/") or (
                    attributes.get("type") == "application/json"
                )
            for name in ("src", "href", "action"):
                assert attributes.get(name, "/")[0] in "/#", attributes
        assert Reader(text).tags[0][1]["lang"] == language


def test_text_from_outside_is_escaped():
    query = dict.fromkeys(("service", "tier", "tz", "from", "since", "user", "lang"), HOSTILE)
    problem = views.Problem(503, HOSTILE, HOSTILE, HOSTILE)
    shown = page(query=query, problem=problem, subject=HOSTILE)
    for text in (
        shown,
        views.trace_html(HOSTILE, language="ko", theme=HOSTILE, query=query),
        views.error_html(400, HOSTILE, HOSTILE, "en"),
    ):
        assert "<script>alert" not in text
        assert "49" not in re.sub(r"[\w/.-]*static[\w/.-]*", "", text)
        scripts = [attributes for tag, attributes in Reader(text).tags if tag == "script"]
        assert all("src" in each or each["type"] == "application/json" for each in scripts)
    data = re.search(
        r'<script type="application/json" id="client">(.*?)</script>', shown, re.DOTALL
    )
    assert json.loads(data[1])["subject"] == HOSTILE


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "expected"),
    [
        (None, None, None, "en"),
        ("ko", "en", "en", "ko"),
        (None, "ko", "en-US,en;q=0.9", "ko"),
        (None, None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, None, "de-DE,de;q=0.9,ko;q=0.3,en;q=0.2", "ko"),
        (None, None, "en;q=0.5,ko;q=0.7", "ko"),
        (None, None, "ko;q=0", "en"),
        ("fr", "../../etc", "ko;q=x, ,;", "en"),
    ],
)
def test_the_language_is_that_of_url_cookie_or_browser(query, cookie, accept, expected):
    assert views.chosen_language(query, cookie, accept) == expected


def test_the_theme_is_one_of_three():
    assert [views.chosen_theme(each) for each in (None, "dark", "light", '"><b>')] == [
        "auto", "dark", "light", "auto",
    ]  # fmt: skip


def test_echarts_is_the_build_that_its_readme_names():
    vendor = STATIC / "vendor"
    _, _, build = (vendor / "echarts.js").read_bytes().partition(b"\n")
    assert hashlib.sha256(build).hexdigest() in (vendor / "README.md").read_text(encoding="utf-8")
    licences = (vendor / "LICENSE").read_text(encoding="utf-8")
    for owner in ("Apache License", "Mike Bostock", "Baidu Inc.", "Microsoft Corporation"):
        assert owner in licences


def test_no_script_makes_markup_or_code_from_text():
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                    "new Function", "DOMParser", "srcdoc"):  # fmt: skip
            assert way not in source, path
        assert source.count("\n") <= 250, path


def test_the_version_in_the_urls_is_that_of_the_files(tmp_path, monkeypatch):
    assert re.fullmatch("[0-9a-f]{12}", views.static_version())
    (tmp_path / "a.css").write_text("a {}", encoding="utf-8")
    versions = set()
    for content in ("a {}", "b {}"):
        (tmp_path / "a.css").write_text(content, encoding="utf-8")
        monkeypatch.setattr(views, "static_directory", lambda: tmp_path)
        views.static_version.cache_clear()
        versions.add(views.static_version())
    views.static_version.cache_clear()
    assert len(versions) == 2
