"""``/metrics``: what Prometheus reads, as its own programs and parsers read it."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from pathlib import Path

import apsw
import httpx
import pytest
from patience import PATIENCE, wait_for
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from cortex_otel.operate.metric_upkeep import Upkeep
from cortex_otel.query.current_metrics import MAX_SERVICES
from cortex_otel.query.named_metrics import NAMED_METRICS
from cortex_otel.query.zones import zone
from cortex_otel.semconv import TIERS
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

ROOT = Path(__file__).parents[3]
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0"}
if "real_prometheus" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "real_prometheus", Path(__file__).parents[1] / "prometheus" / "real_prometheus.py"
    )
    sys.modules["real_prometheus"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["real_prometheus"])
real_prometheus = sys.modules["real_prometheus"]


def bring_up(home, now_ns):
    writer, reader = (of(home / "cortex.db") for of in (open_for_writing, open_reader))
    for _ in Upkeep(reader, writer, zone("Asia/Seoul"), now_ns, rest=0).steps():
        pass
    reader.close()
    writer.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A home of 40 days whose last hour had events, with its named metrics, jobs and ledger."""
    from cortex_otel.demo.synthetic_data import fill

    home = tmp_path_factory.mktemp("measured")
    now_ns = time.time_ns()
    fill(home / "cortex.db", days=40, users=40, seed=5, now_ns=now_ns)
    connection = open_for_writing(home / "cortex.db")
    (latest,) = connection.execute("SELECT max(hour) FROM rollup_hour_duration").fetchone()
    connection.execute(
        "INSERT INTO jobs (job, next_run, last_success, failures) VALUES ('metrics', 1, 5e18, 2)"
    )
    connection.close()
    bring_up(home, (latest + 1) * 3_600 * 10**9)
    return home


@pytest.fixture
def client(serve, measured):
    return serve(measured).client


def samples(families):
    return {
        (sample.name, sample.labels.get("service", ""), sample.labels.get("user_tier", "")):
        sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_the_named_metrics_are_those_that_are_stored(client, measured):
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    found = samples(prometheus_text(answer.text))
    connection = open_reader(measured / "cortex.db")
    expected = {}
    for metric in NAMED_METRICS:
        rows = list(connection.execute(
            "SELECT service, user_tier, value FROM telemetry_metrics"
            " WHERE kind = ?1 AND metric_name = ?2 AND timestamp = ("
            "  SELECT to_time FROM metric_periods WHERE kind = ?1)", (metric.cadence, metric.name)
        ))  # fmt: skip
        for service, tier, value in rows:
            of = value / 1000 if metric.unit == "ms" else value
            expected[metric.prometheus, service, tier] = of
    connection.close()
    names = {metric.prometheus for metric in NAMED_METRICS}
    # Nobody's 30 days may be over, and no reference may have been suggested that day.
    assert len({name for name, *_ in expected}) >= len(names) - 2
    assert {key: of for key, of in found.items() if key[0] in names} == expected
    assert found["cortex_store_readable", "", ""] == 1
    assert ("cortex_daily_active_users", "mcp", "free") in found


def test_what_the_store_knows_of_itself_is_told(client, measured):
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in prometheus_text(client.get("/metrics").text) for sample in family.samples
    }  # fmt: skip
    assert found["cortex_job_failures", "metrics"] == 2
    assert found["cortex_job_last_success_timestamp_seconds", "metrics"] == 5e9
    assert found["cortex_store_size_bytes", "database"] == (measured / "cortex.db").stat().st_size
    assert time.time() - found["cortex_store_last_write_timestamp_seconds",] < 3600
    assert abs(time.time() - found["cortex_last_event_timestamp_seconds",]) < 2 * 86_400
    assert (
        found["cortex_ledger_records", "", "event", "received"]
        == found["cortex_ledger_records", "", "event", "stored"]
        + found["cortex_ledger_records", "", "event", "sampled_out"]
    )
    assert found["cortex_period_end_timestamp_seconds", "hourly"] % 3600 == 0


def test_both_formats_say_the_same_and_every_family_says_what_it_is(client):
    plain = client.get("/metrics").text
    answer = client.get("/metrics", headers=OPENMETRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    families = list(openmetrics(answer.text))
    # Files change: who reads has a -wal made, too.
    same = {
        key
        for key in samples(families)
        if "timestamp" not in key[0] and key[0] != "cortex_store_size_bytes"
    }
    assert {key: samples(families)[key] for key in same} == {
        key: of for key, of in samples(prometheus_text(plain)).items() if key in same
    }
    for family in families:
        assert family.type == "gauge"
        assert re.fullmatch(r"cortex_[a-z0-9_]+", family.name)
        assert family.documentation.endswith(".")
    assert {metric.prometheus for metric in NAMED_METRICS} <= {each.name for each in families}


def test_it_is_protected_as_the_pages_are(serve, measured):
    served = serve(measured)
    with served.client_with({}) as stranger:
        answer = stranger.get("/metrics")
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "no_token"
        assert "cortex_" not in answer.text
    with served.client_with({"authorization": "Bearer 0123456789abcdefgh"}) as stranger:
        assert stranger.get("/metrics").status_code == 401
    answer = served.client.get("/metrics", headers={"host": "evil.example"})
    assert answer.status_code == 403
    answer = served.client.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert served.client.post("/metrics").status_code == 405


def test_nobody_is_told_of(client, measured):
    connection = open_reader(measured / "cortex.db")
    told = client.get("/metrics").text
    for (user,) in connection.execute("SELECT user_id_hash FROM users"):
        assert user not in told
    connection.close()
    assert str(measured) not in told


@pytest.mark.parametrize("broken", ["missing", "garbage", "newer", "directory", "locked"])
def test_a_store_that_cannot_be_read_is_told_and_no_failure(serve, empty_home, broken):
    path, lock = empty_home / "cortex.db", None
    if broken == "newer":
        connection = apsw.Connection(str(path))
        connection.pragma("user_version", 9999)
        connection.close()
    elif broken == "locked":
        lock = apsw.Connection(str(path))
        lock.pragma("locking_mode", "EXCLUSIVE")
        lock.execute("BEGIN IMMEDIATE; INSERT INTO ledger VALUES (1, 'event', 'stored', '', 1)")
    else:
        for each in empty_home.glob("cortex.db*"):
            each.unlink()
        if broken == "garbage":
            path.write_bytes(b"not a database at all" * 500)
        if broken == "directory":
            path.mkdir()
    answer = serve(empty_home).client.get("/metrics")
    assert answer.status_code == 200
    assert samples(prometheus_text(answer.text))["cortex_store_readable", "", ""] == 0
    if lock is not None:
        lock.close()


def test_an_empty_store_has_nothing_but_its_state(serve, empty_home):
    found = samples(prometheus_text(serve(empty_home).client.get("/metrics").text))
    assert found["cortex_store_readable", "", ""] == 1
    assert not {key[0] for key in found} & {metric.prometheus for metric in NAMED_METRICS}


def test_hostile_and_many_services_stay_one_line_each_and_few(serve, tmp_path, record):
    hostile = ['a"b', "line\nbreak", "back\\slash", "{}", "도구", *(f"s{n}" for n in range(30))]
    now_ns = time.time_ns()
    record(tmp_path, ["t"], time_ns=now_ns - 3_600 * 10**9)
    connection = open_for_writing(tmp_path / "cortex.db")
    for name in hostile:
        connection.execute("INSERT INTO segments (service, user_tier) VALUES (?, 'paid')", (name,))
        connection.execute(
            "INSERT INTO series (service, event_type, name, tool_name, feature, user_tier, result,"
            " level, kind, error_type, feature_key, segment_key)"
            " VALUES (?, 'mcp.tool_call', '', '', '', 'paid', 'success', '', '', '', 1, ?)",
            (name, connection.last_insert_rowid()),
        )
    connection.close()
    bring_up(tmp_path, now_ns + 86_400 * 10**9)
    told = serve(tmp_path).client.get("/metrics").text
    found = samples(prometheus_text(told))
    services = {key[1] for key in found} - {""}
    assert len(services) == MAX_SERVICES
    assert set(hostile[:5]) <= services
    assert found["cortex_services_in_totals_only", "", ""] == len(hostile) + 1 - MAX_SERVICES
    named = [key for key in found if key[0] == "cortex_daily_active_users"]
    assert len(named) <= (MAX_SERVICES + 1) * (len(TIERS) + 1)


# --- As Prometheus does -------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("headers", [{}, OPENMETRICS], ids=["text", "openmetrics"])
def test_promtool_has_nothing_to_say(client, headers):
    told = client.get("/metrics", headers=headers).text.removesuffix("# EOF\n")
    done = real_prometheus.promtool("check", "metrics", stdin=told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.system
def test_a_real_prometheus_scrapes_it_as_the_docs_say(serve, measured, tmp_path):
    served = serve(measured)
    page = (ROOT / "docs" / "how-to" / "prometheus.md").read_text("utf-8")
    config = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    token = tmp_path / "admin.token"
    token.write_text("test-token-0123456789abcdef")
    for said, here in (
        ("/home/me/.cortex/telemetry/admin.token", str(token)),
        ("127.0.0.1:8080", f"127.0.0.1:{served.port}"),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
    ):
        assert said in config
        config = config.replace(said, here)
    running = real_prometheus.Prometheus(tmp_path, config)
    try:

        def value(query):
            try:
                answer = httpx.get(
                    f"http://127.0.0.1:{running.port}/api/v1/query", params={"query": query},
                    timeout=PATIENCE,
                )  # fmt: skip
            except httpx.TransportError:
                assert running.process.poll() is None, running.output.read_text("utf-8")
                return None
            rows = answer.json()["data"]["result"] if answer.status_code == 200 else []
            return float(rows[0]["value"][1]) if len(rows) == 1 else None

        wait_for(lambda: value('up{job="cortex"}') == 1)
        expected = samples(prometheus_text(served.client.get("/metrics").text))
        query = 'cortex_daily_active_users{service="",user_tier=""}'
        wait_for(lambda: value(query) == expected["cortex_daily_active_users", "", ""])
        query = 'cortex_response_time_p95_seconds{service="mcp",user_tier=""}'
        assert value(query) == expected["cortex_response_time_p95_seconds", "mcp", ""]
        rules = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
        (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
        done = real_prometheus.promtool("check", "rules", tmp_path / "rules.yml")
        assert done.returncode == 0, done.stderr
    finally:
        running.end()
