"""Files of every format: OTLP/JSON lines, CSV, mixed ones; told apart by what they hold."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys

import pytest
from import_kit import NS, T0, call, events, home, iso, otlp_span, own, refused, text
from store_kit import rows, verify

OLD = (T0 - 6 * 366 * 86_400) * NS


def otlp_log(number=1):
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": []},
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "timeUnixNano": str(T0 * NS + number),
                                "eventName": "ext.ui_interaction",
                                "attributes": [
                                    {"key": "cortex.ui.action", "value": {"stringValue": "click"}},
                                    {"key": "user.id", "value": {"stringValue": "kim"}},
                                ],
                            }
                        ]
                    }
                ],
            }
        ]
    }


def otlp_metric(number=1, time=T0 * NS):
    point = {"timeUnixNano": str(time + number), "asDouble": 2.5}
    metric = {"name": "calls", "unit": "1", "gauge": {"dataPoints": [point]}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}


def test_the_collectors_files(run, logs):
    old = otlp_span(3, startTimeUnixNano=str(OLD), endTimeUnixNano=str(OLD + 10**6))
    lines = [otlp_span(1), otlp_log(1), otlp_metric(1), old, otlp_span(1)]
    (logs / "otlp.json").write_text(text(*lines, {"resourceSpans": 5}, otlp_span(9, traceId="x")))
    report = run("import", logs / "otlp.json")
    assert report["by_type"] == {"mcp.tool_call": 2, "ext.ui_interaction": 1, "metric": 1}
    assert (report["imported"], report["duplicates"]) == (4, 1)
    assert report["refused"] == {"not_otlp": 1, "invalid": 1}
    assert report["first_unix_ns"] == OLD
    assert refused() == [("otlp.json", "6", "not_otlp"), ("otlp.json", "7", "invalid")]
    assert run("import", logs / "otlp.json")["imported"] == 0
    assert rows(home() / "cortex.db", "SELECT metric_name, value FROM telemetry_metrics") == [
        ("calls", 2.5)
    ]
    verify(home() / "cortex.db")


def test_otlp_of_the_receiver_and_of_a_file_is_the_same(run, logs):
    """What came over HTTP isn't imported again from the Collector's file."""
    from cortex_otel.receive.intake import Intake
    from cortex_otel.settings import read_environment
    from cortex_otel_exporters.sqlite.store import Store

    settings = read_environment()
    lines = [otlp_span(1), otlp_log(1)]
    store = Store(settings.database, once=True)
    for signal, line in zip(("traces", "logs"), lines, strict=True):
        for part in Intake(settings).parts(signal, json.dumps(line).encode(), is_json=True):
            assert not store.write(part.records, part.points, part.ledger).trouble
    store.close()
    (logs / "otlp.json").write_text(text(*lines, otlp_span(2)))
    report = run("import", logs / "otlp.json")
    assert (report["imported"], report["duplicates"]) == (1, 2)


def test_a_batch_of_thousands_in_a_line(run, logs):
    spans = [otlp_span(number)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
             for number in range(1, 10_001)]  # fmt: skip
    line = otlp_span(1)
    line["resourceSpans"][0]["scopeSpans"][0]["spans"] = spans
    (logs / "otlp.json.gz").write_bytes(gzip.compress(text(line).encode()))
    assert run("import", logs / "otlp.json.gz")["imported"] == 10_000
    assert run("import", logs / "otlp.json.gz")["duplicates"] == 10_000


def test_otlp_times_that_no_clock_meant(run, logs):
    future = str((T0 + 50 * 366 * 86_400) * NS)
    (logs / "otlp.json").write_text(
        text(
            otlp_span(1, startTimeUnixNano="1000", endTimeUnixNano="2000"),
            otlp_span(2, startTimeUnixNano=future, endTimeUnixNano=future),
            otlp_metric(time=10**9),
            otlp_span(3),
        )
    )
    report = run("import", logs / "otlp.json")
    assert (report["imported"], report["refused"]) == (1, {"too_old": 2, "in_the_future": 1})
    verify(home() / "cortex.db")


def test_a_format_that_is_asked_for(run, logs):
    path = logs / "mixed.jsonl"
    path.write_text(text(call(1), own(2), otlp_span(3)))
    for name, kind in (("log", "mcp.search_context"), ("cortex", "mcp.tool_call")):
        report = run("import", path, "--format", name, "--dry-run")
        assert report["by_type"] == {kind: 1}
    assert run("import", path, "--format", "otlp", "--dry-run")["refused"] == {"not_asked": 2}
    assert run("import", path)["imported"] == 3


COLUMNS = "when,what,who,tool,took,ok,note\n"


def test_csv_with_a_mapping(run, logs):
    path = logs / "calls.csv"
    path.write_text(
        COLUMNS
        + f'{iso(1)},mcp.tool_call,kim,search,12.5,true,"a, ""note""\nof two lines"\n'
        + f"{iso(2)},tool_call,kim,save,,false,=1+1\n"
        + f"{iso(3)},tool_call,kim\n"
    )
    mapping = "when=time,what=event,who=user_id,tool=tool_name,took=duration_ms,ok=success"
    report = run("import", path, "--map", mapping)
    assert (report["lines"], report["imported"], report["refused"]) == (3, 2, {"wrong_cells": 1})
    assert refused() == [("calls.csv", "5", "wrong_cells")]
    assert events("timestamp", "tool_name", "duration_ms", "result") == [
        ((T0 + 1) * NS, "search", 12.5, "success"), ((T0 + 2) * NS, "save", None, "error"),
    ]  # fmt: skip
    assert run("import", path, "--map", mapping)["duplicates"] == 2
    assert run("import", path, "--map", mapping + ",note=project_id")["duplicates"] == 2


def test_csv_whose_columns_have_our_names(run, logs):
    path = logs / "searches.tsv"
    path.write_text(
        "timestamp\tuser_id\ttop_k\tresults\tquery\n"
        f"{T0}\tkim\t5\t2\twhere is it\n"
        f"{T0 + 1}\tkim\tmany\t3.0\t\n"
    )
    report = run("import", path, "--set", "event=mcp.search_context,tier=2")
    assert (report["imported"], report["values_left_out"]) == (2, {"top_k": 1})
    assert events("user_tier") == ["paid", "paid"]
    data = [json.loads(one) for one in events("event_data")]
    assert data[0]["cortex.search.top_k"] == 5
    assert data[1] == {"cortex.search.results": 3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no column is the time"),
        (("--map", "when=time"), "no column is the event type"),
        (("--map", "nothing=time"), "no such column: nothing (when, what"),
        (("--map", "when=birthday"), "no such field: birthday"),
        (("--set", "birthday=1"), "no such field: birthday"),
        (("--map", "when"), "isn't NAME=VALUE"),
    ],
)
def test_csv_that_can_not_be_read_so(run, logs, arguments, said):
    (logs / "calls.csv").write_text(COLUMNS + "1,2,3,4,5,6,7\n")
    run("import", logs / "calls.csv", *arguments, code=2)
    assert said in run.errors
    assert run.errors.count("\n") == 1
    assert not home().exists()


def test_a_quote_that_is_never_closed_costs_its_line(run, logs):
    lines = [f"{iso(number)},tool_call,tool-{number}" for number in range(1000)]
    lines[100] = f'{iso(100)},tool_call,"tool'
    (logs / "calls.csv").write_text("time,event,tool\n" + "\n".join(lines))
    report = run("import", logs / "calls.csv")
    assert (report["imported"], report["refused"]) == (999, {"not_csv": 1})
    assert refused() == [("calls.csv", "102", "not_csv")]


def test_what_the_admin_exports(run, logs, tmp_path, monkeypatch):
    """Into another store and back again: the same product events, none twice."""
    lines = [
        call(number, tool_name=f"tool-{number % 3}", tier=1 + number % 3) for number in range(50)
    ]
    lines += [call(60, success=False, error="ValueError: x"), call(61, tool_name="=danger")]
    (logs / "a.jsonl").write_text(text(*lines))
    run("migrate", logs)
    exported = run.plainly("query", "events", "--since", "all", "--format", "csv")
    path = logs / "events.csv"
    path.write_text(
        "\ufeff" + exported.replace("\n", "\r\n") + "# cut after 52 rows: 5 MB are reached\r\n"
    )
    columns = ("timestamp", "service", "event_type", "user_tier", "user_id_hash", "session_id",
               "result", "duration_ms", "tool_name", "feature", "error_type")  # fmt: skip
    before = events(*columns)
    report = run("import", path)
    assert (report["imported"], report["duplicates"]) == (0, 52)
    assert report["refused"] == {"cut_export": 1}
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "other"))
    assert run("import", path)["imported"] == 52
    assert events(*columns) == [(at // 10**6 * 10**6, *rest) for at, *rest in before]
    verify(home() / "cortex.db")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.system
def test_from_a_pipe(tmp_path, zipped):
    content = text(call(1), call(2)).encode()
    done = subprocess.run(
        [sys.executable, "-m", "cortex_otel.cli", "import", "-", "--json"],
        input=gzip.compress(content) if zipped else content, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["imported"] == 2
    assert done.stderr == b""


@pytest.mark.system
def test_from_a_named_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "cortex_otel.cli", "import", str(pipe), "--json"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    pipe.write_text(text(call(1)))
    said, _ = process.communicate()
    assert json.loads(said)["imported"] == 1


def test_csv_of_another_program(run, logs):
    """Cells as Python's csv writes them, with any text in them."""
    made = io.StringIO()
    writer = csv.writer(made, delimiter=";")
    writer.writerow(["Timestamp", "Event", "Tool Name", "Comment"])
    for number, note in enumerate(['"', ";", "\n", "'", "a\r\nb", "", '""']):
        writer.writerow([iso(number), "tool call", "search", note])
    (logs / "a.csv").write_bytes(made.getvalue().encode())
    report = run("import", logs / "a.csv")
    assert (report["imported"], report["refused"]) == (7, {})
