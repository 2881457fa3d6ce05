"""Each test is a trap of ``facts/grafana.md``, over the files that are committed."""

from __future__ import annotations

import json
import re
from itertools import combinations

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.locale import LANGUAGES, texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dashboards as generator
from cortex_otel.show.grafana import kept
from cortex_otel.show.grafana.dialect import literal
from cortex_otel.show.grafana.pages import PAGES_OF_GRAFANA
from cortex_otel.show.pages import PAGES
from cortex_otel.show.value_labels import (
    BY_COLUMN,
    COMPOSED,
    EMPTY,
    label_of,
    replacements_of,
)

UIDS = [generator.uid_of(page) for page in PAGES_OF_GRAFANA.values()]
EACH = pytest.mark.parametrize(
    ("language", "uid"), [(language, uid) for language in LANGUAGES for uid in UIDS]
)
SECONDS = {"s": 1, "m": 60, "h": 3600}


@pytest.fixture
def plain(dashboards, language, uid):
    return dashboards[language][uid]


def targets(plain):
    for panel in plain["panels"]:
        yield from panel.get("targets", [])
    for annotation in plain["annotations"]["list"]:
        yield annotation["target"]


def every(value, key):
    """All values under ``key``, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from every(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner, key)


def test_what_is_committed_is_what_is_generated(grafana):
    files = generator.generated()
    stale = [
        name for name, text in files.items() if (grafana / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "python -m cortex_otel.show.grafana"
    committed = {path.relative_to(grafana).as_posix() for path in grafana.glob("dashboards/*/*")}
    assert committed == {name for name in files if name.startswith("dashboards/")}


def test_every_page_has_a_dashboard_and_one_is_home(dashboards):
    for language in LANGUAGES:
        assert set(dashboards[language]) == set(UIDS)
        assert {f"cortex-{page}" for page in PAGES} < set(UIDS)
        assert "cortex-home" in UIDS


@EACH
def test_schema_and_what_grafana_gives_itself(plain, uid):
    assert plain["schemaVersion"] == 42
    assert plain["uid"] == uid
    assert len(uid) <= 40
    # Of another installation's database, and refused by provisioning.
    assert not plain.get("id")
    assert "__inputs" not in plain
    assert "apiVersion" not in plain  # a v2 file would need a wrapper


@EACH
def test_nothing_is_lost_on_the_way_through_the_sdk(plain):
    """``from_json`` drops keys that it doesn't know, so a typo is gone after it."""
    plugins.register_default_plugins()
    returned = json.loads(json.dumps(models.Dashboard.from_json(plain), cls=JSONEncoder))
    # Annotations with SQL and panel overrides' values are bags of their own.
    assert missing(plain, returned) == []


def missing(sent, returned, path=""):
    if isinstance(sent, dict):
        lost = [f"{path}.{name}" for name in sent if name not in (returned or {})]
        for name in sent.keys() & (returned or {}).keys():
            lost += missing(sent[name], returned[name], f"{path}.{name}")
        return [each for each in lost if not re.search(r"annotations\.list\[\d+\]\.target\.", each)]
    if isinstance(sent, list):
        if len(sent) != len(returned):
            return [path]
        return [
            each
            for place, inner in enumerate(sent)
            for each in missing(inner, returned[place], f"{path}[{place}]")
        ]
    return []


def test_the_check_above_finds_a_typo(dashboards):
    plugins.register_default_plugins()
    plain = json.loads(json.dumps(dashboards["en"]["cortex-home"]))
    plain["panels"][0]["descripton"] = "typo"
    plain["panels"][0]["options"]["grafMode"] = "none"
    returned = json.loads(json.dumps(models.Dashboard.from_json(plain), cls=JSONEncoder))
    assert missing(plain, returned) == [".panels[0].descripton", ".panels[0].options.grafMode"]


@EACH
def test_panels_have_ids_of_their_own_and_do_not_overlap(plain):
    ids = [panel["id"] for panel in plain["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))
    for one, other in combinations([panel["gridPos"] for panel in plain["panels"]], 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
    for panel in plain["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert place["w"] >= 6
        assert place["h"] >= 3


@EACH
def test_no_hole_is_left(plain):
    """Every row of the grid is full: a panel that has it to itself takes its whole width."""
    for y in {panel["gridPos"]["y"] for panel in plain["panels"]}:
        assert sum(p["gridPos"]["w"] for p in plain["panels"] if p["gridPos"]["y"] == y) == 24


@EACH
def test_every_panel_says_what_it_shows(plain, language, uid):
    for panel in plain["panels"]:
        assert panel["title"].strip()
        assert len(panel["description"]) > 20
        if "targets" in panel:
            assert panel["fieldConfig"]["defaults"]["noValue"].strip()
    titles = [panel["title"] for panel in plain["panels"]]
    assert len(titles) == len(set(titles))
    if language == "ko":
        assert all(re.search("[가-힣]", title) for title in titles)
        page = PAGES_OF_GRAFANA[uid.removeprefix("cortex-")]
        assert plain["title"] == f"Cortex · {page.title_in('ko')}"


@EACH
def test_every_datasource_is_named_by_type_and_uid(plain):
    expected = {"type": "frser-sqlite-datasource", "uid": "cortex-sqlite"}
    found = list(every(plain, "datasource"))
    assert len(found) > 3
    assert all(each == expected for each in found)
    for panel in plain["panels"]:
        assert ("datasource" in panel) == ("targets" in panel)


@EACH
def test_the_browser_and_the_backend_are_given_the_same_text(plain):
    for target in targets(plain):
        assert target["queryText"] == target["rawQueryText"]
        assert target["queryType"] == "table"
        assert target["refId"]


@EACH
def test_only_what_the_plugin_replaces_is_written(plain):
    for target in targets(plain):
        sql = target["queryText"]
        # `${__from}` and `$__interval` are the browser's; $__timeFilter is none of the plugin's.
        left = re.sub(r"\$\{\w+:sqlstring\}|\$__from\b|\$__to\b", "", sql)
        assert "$" not in left
        assert "[[" not in left  # an old way to write a variable
        assert "--" not in left  # a variable in a comment could end it with a line break
        names = {each["name"] for each in plain["templating"]["list"]}
        assert set(re.findall(r"\$\{(\w+)", sql)) <= names


@EACH
def test_every_variable_is_used_and_none_takes_several_values(plain):
    asked = " ".join(target["queryText"] for target in targets(plain))
    told = " ".join(panel["description"] for panel in plain["panels"])
    for variable in plain["templating"]["list"]:
        if variable["name"] == kept.VARIABLE:
            assert f"${{{kept.VARIABLE}}}" in told
            assert f"${{{kept.VARIABLE}" not in asked  # a sentence
            continue
        assert f"${{{variable['name']}:sqlstring}}" in asked
        assert not variable.get("multi")  # would be {a,b}: the SQL takes one value or none
        if variable.get("includeAll"):
            # Without a custom one "All" is a list of all; a custom one is taken as it is.
            assert variable["allValue"] == "''"
            assert variable["current"]["value"] == "$__all"
        assert variable["label"].strip()


@EACH
def test_a_variable_that_is_asked_for_has_one_column(plain, grafana_over):
    for variable in plain["templating"]["list"]:
        if variable["type"] == "query":
            assert isinstance(variable["query"], str)
            rows = list(grafana_over.connection.execute(variable["query"]))
            if variable["name"] == kept.VARIABLE:
                assert len(rows) == len(rows[0]) == 1
                continue
            if variable["name"] == "time_zone":
                assert ("UTC",) in rows
                continue
            assert rows == sorted({("mcp",), ("extension",)})


@EACH
def test_refreshes_no_faster_than_allowed(plain, uid, grafana):
    settings = (grafana / "grafana.env").read_text(encoding="utf-8")
    least = re.search(r"^GF_DASHBOARDS_MIN_REFRESH_INTERVAL=(\d+)s$", settings, re.MULTILINE)
    intervals = [plain["refresh"], *plain["timepicker"]["refresh_intervals"]]
    seconds = [int(each[:-1]) * SECONDS[each[-1]] for each in intervals]
    assert min(seconds) >= int(least[1])
    # Every second only where little is asked.
    if min(seconds) < 5:
        assert uid == "cortex-live"
        assert len(plain["panels"]) <= 3


@EACH
def test_links_lead_somewhere_and_keep_time_and_filters(plain, dashboards, language):
    urls = [url for url in every(plain["panels"], "url") if url]
    for url in urls:
        found = re.fullmatch(
            r"/d/([\w-]+)\?var-(\w+)=\$\{__data\.fields\[\"(\w+)\"\]:percentencode\}"
            r"(?:&\$\{__url_time_range\}((?:&\$\{\w+:queryparam\})*)"
            r"|&from=\$\{__data\.fields\[\"trace_from\"\]\}&to=\$\{__data\.fields\[\"trace_to\"\]\})",
            url,
        )
        assert found, url
        other = dashboards[language][found[1]]
        known = {each["name"] for each in other["templating"]["list"]}
        kept = set(re.findall(r"\$\{(\w+):queryparam", found[4] or ""))
        assert {found[2], *kept} <= known
        assert kept <= {each["name"] for each in plain["templating"]["list"]}
    for link in plain["links"]:
        assert link["type"] == "dashboards"
        assert link["keepTime"]
        assert link["includeVars"]
        assert any(
            tag in other["tags"] for tag in link["tags"] for other in dashboards[language].values()
        )


@EACH
def test_units_stand_on_numbers(plain):
    for panel in plain["panels"]:
        if "targets" not in panel:
            continue
        units = {
            override["matcher"]["options"]: {p["id"]: p["value"] for p in override["properties"]}
            for override in panel["fieldConfig"]["overrides"]
            if override["matcher"]["id"] == "byName"
        }
        for name, properties in units.items():
            # Where a row has its own name, that of its value would take its place.
            named_by_row = panel["type"] in {"piechart", "bargauge"} and "unit" in properties
            assert named_by_row or properties["displayName"].strip(), name
            if name.endswith(("_rate", "_share")) or name in {"retention", "accuracy"}:
                assert properties["unit"] == "percentunit"
            if name.endswith("_ms"):
                assert properties["unit"] == "ms"


@EACH
def test_a_missing_value_is_a_dash_and_an_empty_panel_a_sentence(plain):
    """``noValue`` of the panel is what it says without rows, but also what each NULL would show."""
    for panel in plain["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            if override["matcher"] == {"id": "byName", "options": "start_ms"}:
                continue
            properties = {each["id"]: each["value"] for each in override["properties"]}
            if "custom.hidden" not in properties and panel["type"] != "barchart":
                assert properties["noValue"] == "–", panel["title"]


def test_targets_of_the_spec_are_drawn_as_lines(dashboards):
    drawn = {}
    for uid, plain in dashboards["en"].items():
        for panel in plain["panels"]:
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {})
            style = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
            style = style.get("thresholdsStyle", {}).get("mode")
            values = [step["value"] for step in steps.get("steps", []) if step["value"] is not None]
            if style == "dashed":
                drawn[uid, panel["title"]] = values
    wanted = {
        catalogue()["token_savings"].title: [0.7],
        catalogue()["reference_accuracy"].title: [0.8],
    }
    found = {title: values for (_, title), values in drawn.items() if title in wanted}
    assert found == wanted


def korean(sql):
    """``sql`` with the Korean words of values and columns in place of the English ones."""
    words = {
        label_of(name, value, "en"): label_of(name, value, "ko")
        for name, values in BY_COLUMN.items()
        for value in values
    }
    columns = [column for each in catalogue().values() for column in each.columns]
    for end in ("", " "):
        words |= {f"{each.title}{end}": f"{each.title_in('ko')}{end}" for each in columns}
    words |= {text: texts("ko").gettext(text) for text in EMPTY.values()}
    for name in COMPOSED:
        both = zip(replacements_of(name, "en"), replacements_of(name, "ko"), strict=True)
        words |= {told: in_korean for (_, told), (_, in_korean) in both}
    quoted = {literal(english): literal(word) for english, word in words.items()}
    # Results of jobs are English already: nothing is to be replaced there.
    sql = re.sub(r"substr\((?:replace\()*'' \|\| job_detail.*? AS job_detail", "job_detail", sql)
    return re.sub(r"'(?:[^']|'')*'", lambda found: quoted.get(found[0], found[0]), sql)


def asked_of(target):
    """The query, without the words that a sentence is made of and their order."""
    said, _, answer = korean(target["queryText"]).partition(" AS said\n")
    return (sorted(re.findall(r"coalesce\(.*?, '–'\)", said)), answer) if answer else said


def test_both_languages_ask_the_same(dashboards):
    for uid in UIDS:
        one, other = (
            [
                (p["type"], p["gridPos"], [asked_of(t) for t in p.get("targets", [])])
                for p in dashboards[language][uid]["panels"]
            ]
            for language in ("en", "ko")
        )
        assert one == other
