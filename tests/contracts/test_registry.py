"""The registry: what is generated of it is up to date, and its lints find what they are for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator

pytestmark = pytest.mark.system


def generate(root, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "telemetry.generate", *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(root, tmp_path):
    """The registry in a tree of its own, from which nothing has been generated."""
    shutil.copytree(root / "telemetry", tmp_path / "telemetry")
    return tmp_path


def edit(copy, name, **replaced):
    path = copy / "telemetry" / "registry" / name
    text = path.read_text("utf-8")
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def add(copy, **groups):
    text = yaml.safe_dump({"groups": list(groups.values())}, sort_keys=False)
    (copy / "telemetry" / "registry" / "zz.yaml").write_text(text, encoding="utf-8")


def problems(root, copy):
    done = generate(root, "--check", "--root", copy)
    assert done.returncode == 1
    return [line for line in done.stderr.splitlines() if "out of date" not in line]


def attribute(key, **changed):
    annotations = {
        "privacy": "plain",
        "kept_as": "token",
        "cardinality": "low",
        "stored": "event_data",
        **changed,
    }
    annotations = {name: value for name, value in annotations.items() if value is not None}
    return {
        "id": key,
        "type": "string",
        "stability": "development",
        "brief": "A thing.",
        "annotations": annotations,
    }


def event(name, *fields, **changed):
    annotations = {
        "service": "web", "timing": "instant", "active": True, "in_error_rate": True,
        "may_be_sampled": True, "doors": ["python"], **changed,
    }  # fmt: skip
    return {
        "id": f"event.{name}", "type": "event", "name": name, "stability": "development",
        "brief": "It happened.", "annotations": annotations,
        "attributes": [
            {"ref": key, "annotations": {"field": key.rpartition(".")[2]}} for key in fields
        ],
    }  # fmt: skip


def group(*attributes):
    return {
        "id": "registry.more",
        "type": "attribute_group",
        "display_name": "More",
        "brief": "More of them.",
        "attributes": list(attributes),
    }


def test_what_is_generated_is_up_to_date(root):
    done = generate(root, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_schema_is_one(root):
    schema = json.loads((root / "telemetry" / "schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)


def test_the_generator_is_smaller_than_what_it_makes(root, copy):
    assert generate(root, "--root", copy).returncode == 0

    def lines(directory):
        files = (path for path in directory.rglob("*") if path.is_file())
        texts = [path.read_text("utf-8") for path in files if path.suffix != ".pyc"]
        return sum(len(text.splitlines()) for text in texts)

    made = sum(lines(copy / name) for name in ("cortex_otel", "extension", "docs"))
    assert lines(root / "telemetry" / "generate") < made


def test_an_attribute_has_a_privacy_class_and_one_that_fits(root, copy):
    keys = ["cortex.a.none", "cortex.a.unlike", "cortex.a.closed", "cortex.a.bare"]
    add(
        copy,
        attributes=group(
            attribute(keys[0], privacy=None),
            attribute(keys[1], kept_as="text"),
            attribute(keys[2], privacy="closed"),
            attribute(keys[3], cardinality=None, stored=None),
        ),
        event=event("web.visit", *keys),
    )
    assert problems(root, copy) == [
        "cortex.a.none: has no privacy class",
        "cortex.a.unlike: of privacy class plain, but kept as text",
        "cortex.a.closed: privacy class `closed` is for what has members and isn't `open`",
        "cortex.a.bare: has no `cardinality`",
        "cortex.a.bare: has no `stored`",
    ]


def test_names_keep_to_the_conventions(root, copy):
    add(
        copy,
        attributes=group(attribute("cortex.Camel.case"), attribute("web.page")),
        event=event("web.visit", "cortex.Camel.case", "web.page")
        | {"id": "event.other", "name": "web.Visit"},
    )
    assert problems(root, copy) == [
        "cortex.Camel.case: not a name by the conventions: lower_case words, apart by dots",
        "web.page: of a convention, without a link to it (`source`)",
        "web.Visit: not a name by the conventions: lower_case words, apart by dots",
        "event.other: the id of an event is `event.` and its name",
    ]


def test_a_field_used_nowhere_is_found(root, copy):
    add(copy, attributes=group(attribute("cortex.a.unused")))
    assert problems(root, copy) == ["cortex.a.unused: no event, span, metric or resource has it"]


def test_an_event_says_enough_for_its_doors(root, copy):
    made = event("web.visit", "cortex.feature", doors=["python", "facade", "json"], service="shop")
    del made["attributes"][0]["annotations"]
    nobody = event("web.leave", "cortex.ui.element", doors=["facade", "typescript"])
    del nobody["annotations"]["service"]
    nobody["attributes"][0]["annotations"]["field"] = "service"
    nobody["annotations"]["feature"] = ["cortex.ui.action"]
    add(copy, one=made, other=nobody)
    assert problems(root, copy) == [
        "web.visit: service shop is no member of cortex.service",
        "web.visit: its field cortex.feature has no name (`field`), and isn't `derived`",
        "web.leave: its feature cortex.ui.action is no field of it",
        "web.leave: plain JSON and TypeScript need a `service`: nobody else says it there",
        "web.leave: a client has it (`facade`), but whose? Give `service` or `client`",
        "web.leave: the client's method calls its function: `facade` needs `python`",
        "web.leave: an argument can't be called service",
    ]


def test_what_no_language_could_make_is_refused(root, copy):
    parameters = event("web.act", "cortex.tool.parameters", doors=["typescript"])
    edit(
        copy,
        "cortex.yaml",
        service=(
            "            - id: web\n              value: web",
            (
                "            - id: my_app\n              value: My App\n"
                "              brief: One.\n              stability: development\n"
                "            - id: web\n              value: web"
            ),
        ),
    )
    add(
        copy,
        attributes=group(attribute("cortex.a.bounded", kept_as="number", minimum=1)),
        one=parameters,
        two=event("web.see", "cortex.a.bounded"),
    )
    assert problems(root, copy) == [
        "cortex.a.bounded: bounds are for numbers of type double",
        "My App: a service is lower_case words: classes are called after it",
        "web.act: TypeScript has no names and types of parameters",
    ]


def test_what_was_once_declared_goes_with_a_note(root, copy):
    edit(
        copy,
        "events.yaml",
        reason=(
            """      - ref: feature_flag.result.reason
        brief: why, e.g. `split`, `targeting_match`, `static`.
        annotations: {field: reason}
""",
            "",
        ),
    )
    edit(
        copy,
        "cortex.yaml",
        tier=(
            """            - id: trial
              value: trial
              stability: development
""",
            "",
        ),
    )
    wanted = (
        "removed without a migration note: declare it with `deprecated`, whose note says what its "
        "rows and senders do now"
    )
    assert problems(root, copy) == [
        "feature_flag.result.reason: no event, span, metric or resource has it",
        f"field feature_flag.evaluation feature_flag.result.reason: {wanted}",
        f"value cortex.user.tier trial: {wanted}",
    ]


def test_what_is_deprecated_is_generated_no_more(root, copy):
    deprecated = "        deprecated: {reason: obsoleted, note: Older rows keep it.}\n"
    field = "        annotations: {field: reason}\n"
    edit(copy, "events.yaml", field=(field, field + deprecated))
    brief = '        brief: "Why it was that one."\n'
    edit(copy, "conventions.yaml", attribute=(brief, brief + deprecated))
    assert generate(root, "--root", copy).returncode == 0
    events = (copy / "cortex_otel/instrument/events.py").read_text("utf-8")
    assert "def feature_flag(" in events
    assert "reason" not in events
    assert "feature_flag.result.reason" not in (copy / "cortex_otel/semconv.py").read_text("utf-8")
    page = (copy / "docs/reference/recorded-fields.md").read_text("utf-8")
    assert "| `feature_flag.result.reason` | obsoleted: Older rows keep it. |" in page


def test_the_schema_refuses_what_it_doesn_t_know(root, copy):
    edit(copy, "events.yaml", timing=("timing: span", "timing: sometimes"))
    edit(copy, "cortex.yaml", privacy=("privacy: plain", "privat: plain"))
    found = problems(root, copy)
    assert len(found) == 2
    assert re.match(r"cortex.yaml: groups/0/attributes/0.*privat", found[0])
    assert re.match(r"events.yaml: groups/0/annotations", found[1])


def test_a_reference_to_nothing_is_found(root, copy):
    add(copy, one=event("web.visit", "cortex.no.such"), two=event("ext.install"))
    assert problems(root, copy) == [
        "event.ext.install: declared twice",
        "event.web.visit: no attribute cortex.no.such is declared",
    ]


def test_no_name_and_no_vocabulary_is_spelt_again(root, tracked):
    # But in migrations of the schema, which stay as they are.
    files = [root / "telemetry" / "registry" / name for name in ("cortex.yaml", "conventions.yaml")]
    declared = [yaml.safe_load(path.read_text("utf-8")) for path in files]
    groups = [group for each in declared for group in each["groups"]]
    keys = [attribute["id"] for group in groups for attribute in group["attributes"]]
    pairs = [("error", "timeout"), ("free", "trial"), ("paid", "enterprise")]
    spelt = re.compile(
        "|".join(f"""(?<=["'])({re.escape(key)})(?=["'])""" for key in keys)
        + "".join(f"""|["']{one}["'], ["']{other}["']""" for one, other in pairs)
    )
    found = []
    for path in tracked:
        name = path.relative_to(root).as_posix()
        is_code = path.suffix in {".py", ".sql", ".ts"} and name.startswith(
            ("cortex_otel/", "exporters/", "extension/src/")
        )
        if is_code and "/migrations/" not in name and "/scrub.ts" not in name:
            text = path.read_text("utf-8")
            if "Generated from telemetry/registry" not in text[:400]:
                found += [f"{name}: {use[0]}" for use in spelt.finditer(text)]
    assert found == []
