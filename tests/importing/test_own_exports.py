"""What cortex-otel itself wrote, its log and its CSV, comes back as it was, and only once."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from import_kit import T0, events, home, own, text

from cortex_otel import semconv as sc
from cortex_otel.process.data import LogData
from cortex_otel.receive.intake import Intake
from cortex_otel.receive.records import OtlpResource
from cortex_otel.settings import read_environment
from cortex_otel_exporters.jsonl.line import LineMaker
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

_NS = 10**9
#: Plain ones, and some that redaction makes a hash or another name of.
WORDS = (
    "search", "open_panel", "@scope/search", "=1+1", "-5", "+x", "C++ 17", "나의 버튼", "a b c",
    "Visual Studio Code", "_OTHER", "../etc/passwd", "me@example.org", "x" * 300, "search ",
    "1234567890123456", "server",
)  # fmt: skip
EVENTS = {
    sc.MCP_TOOL_CALL: (sc.GEN_AI_TOOL_NAME,),
    sc.MCP_ONTOLOGY_CLASSIFY: (sc.CORTEX_ONTOLOGY_CATEGORY,),
    sc.EXT_INSTALL: (sc.CORTEX_IDE,),
    sc.EXT_ACTIVATE: (sc.CORTEX_IDE,),
    sc.EXT_UI_INTERACTION: (sc.CORTEX_UI_ACTION, sc.CORTEX_UI_ELEMENT),
    sc.EXT_CODE_INSERT: (sc.CORTEX_CODE_LANGUAGE,),
    sc.EXT_CONTEXT_SWITCH: (sc.CORTEX_BRANCH_FROM, sc.CORTEX_FILE_PATH),
    sc.EXT_ERROR: (sc.CORTEX_ERROR_MESSAGE,),
    sc.MCP_BRANCH_CREATE: (sc.CORTEX_BRANCH_TOPIC,),
    "other.event": (sc.HTTP_ROUTE,),
}


def stored(seed, many=300, words=WORDS):
    """A store of events as they may come; the lines of its log."""
    choose = random.Random(seed)
    logs = []
    for number in range(many):
        name, keys = choose.choice(list(EVENTS.items()))
        attributes = {key: choose.choice(words) for key in keys if choose.random() < 0.9}
        if name == sc.MCP_BRANCH_CREATE:
            attributes[sc.CORTEX_BRANCH_AUTOMATIC] = choose.random() < 0.5
        if choose.random() < 0.5:
            attributes[sc.USER_ID] = f"user-{choose.randrange(5)}"
        if choose.random() < 0.5:
            attributes[sc.SESSION_ID] = choose.choice(words) or "session"
            attributes[sc.CORTEX_PROJECT_ID] = choose.choice(words)
        if choose.random() < 0.5:
            attributes[sc.CORTEX_EVENT_DURATION_MS] = choose.randrange(10**10) / 1e6
        if choose.random() < 0.4:
            attributes[sc.CORTEX_RESULT] = choose.choice(("error", "timeout", "cancelled"))
            attributes[sc.ERROR_TYPE] = choose.choice(("ValueError", "timeout", "나"))
        attributes[sc.CORTEX_USER_TIER] = choose.choice(sorted(sc.TIERS))
        sender = {sc.CORTEX_SERVICE: choose.choice(("mcp", "extension", "server", "my-shop"))}
        at = T0 * _NS + number * _NS + choose.randrange(1000) * 1_000_000
        logs.append(LogData(attributes, name, None, at, 0, None, 0, 0, None, OtlpResource(sender)))
    part = Intake(read_environment()).events(logs)
    return write(part.records)


def write(records):
    home().mkdir(parents=True, exist_ok=True)
    writer = BatchWriter(open_for_writing(home() / "cortex.db"))
    refused = writer.write(records, [], Counter())
    assert not len(refused)
    writer.close()
    maker = LineMaker()
    return "".join(map(maker.line, records))


LOG_COLUMNS = (
    "timestamp", "service", "event_type", "user_tier", "user_id_hash", "result", "duration_ms",
    "error_type", "error_message", "project_id", "branch_id", "tool_name", "feature", "event_data",
    "level",
)  # fmt: skip
#: Times in milliseconds, and no attributes.
CSV_COLUMNS = (
    "timestamp / 1000000", "service", "event_type", "user_tier", "feature", "result",
    "duration_ms", "error_type", "error_message", "user_id_hash", "session_id",
)  # fmt: skip


def rows_of(columns, where="1"):
    return Counter(map(str, events(*columns, where=where)))


def same(one, other):
    assert (one - other, other - one) == (Counter(), Counter())
    return True


@pytest.mark.parametrize("seed", range(4))
def test_our_own_log_comes_back_as_it_was_and_once(run, logs, tmp_path, monkeypatch, seed):
    log = logs / "cortex-2025-03-01.001.jsonl"
    log.write_text(stored(seed))
    before = rows_of(LOG_COLUMNS)
    report = run("import", log)
    assert (report["imported"], report["refused"]) == (0, {})
    assert same(rows_of(LOG_COLUMNS), before)
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "other"))
    run("import", log)
    assert same(rows_of(LOG_COLUMNS), before)


@pytest.mark.parametrize("seed", range(4))
def test_our_own_export_comes_back_as_it_was_and_once(run, logs, tmp_path, monkeypatch, seed):
    stored(seed)
    is_product = "event_type NOT IN ('span', 'log')"
    before = rows_of(CSV_COLUMNS, is_product)
    question = ("query", "events", "--since", "2025-02-01", "--until", "2025-04-01")
    export = run.plainly(*question, "--limit", 1000, "--format", "csv")
    (logs / "events.csv").write_text(export, newline="")
    report = run("import", logs / "events.csv")
    assert (report["imported"], report["refused"]) == (0, {})
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "other"))
    run("import", logs / "events.csv")
    assert same(rows_of(CSV_COLUMNS, is_product), before)


def test_empty_words_and_names_beyond_their_budget_come_back_once(run, logs):

    log = logs / "cortex-2025-03-01.001.jsonl"
    log.write_text(stored(9, 8000, ("", *(f"word{number}" for number in range(800)))))
    features = set(events("feature"))
    assert {None, "_OTHER"} <= features
    assert run("import", log)["imported"] == 0


def test_what_only_looks_like_ours_passes_no_text(run, logs):
    """No text, address or number of a card gets past redaction by the place of a hash."""
    card, address, secret = "4111111111111111", "me@example.org", "my secret text"
    parameters = {
        "cortex.ui.element.hash": secret,
        "cortex.ui.action.hash": card,
        "cortex.ui.element": f"call {address}",
    }
    line = own(
        event_type="ext.ui_interaction",
        parameters=parameters,
        metadata={"project_id": card, "branch_id": address},
    )
    (logs / "log.jsonl").write_text(text(line))
    head = "time,service,event_type,user_tier,feature,result,duration_ms,error_type,message"
    (logs / "events.csv").write_text(
        f"{head},user_id_hash,session_id,trace_id,id\n"
        f"2026-01-01T00:00:00Z,x,ext.ui_interaction,free,{card} {address},success,,,,,{card},,1\n"
        f"2026-01-01T00:00:01Z,x,ext.code_insert,free,{card},success,,,,,{address},,2\n"
        f"2026-01-01T00:00:02Z,x,ext.install,free,{secret},success,,,,,{secret},,3\n"
    )
    report = run("import", logs / "log.jsonl", logs / "events.csv")
    assert report["imported"] == 4
    written = b"".join(file.read_bytes() for file in home().glob("cortex.db*"))
    for each in (card, address, secret):
        assert each.encode() not in written
