"""What the browser is given: texts in both languages, shells that escape, files that are whole."""

from __future__ import annotations

import hashlib
import html.parser
import json
import re
from pathlib import Path

import pytest

from cortex_otel.show.pages import Page, Panel
from cortex_otel.show.web import views

STATIC = views.static_directory()
TEMPLATES = Path(views.__file__).parent / "templates"
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}"
PAGE = Page(
    id="overview",
    title=HOSTILE,
    panels=(Panel(id="dau", question="dau", draw="lines", title=HOSTILE),),
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
        "auto",
        "dark",
        "light",
        "auto",
    ]


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
