from __future__ import annotations

import importlib.util
import json
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # The SDK would rather make v2 dashboards, which Grafana 12.4 and 13 don't provision from files.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import cortex_otel.show.grafana.dashboards  # noqa: F401 - imported here, where the warning is expected

HERE = Path(__file__).parent


def _loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plugin = _loaded("grafana_plugin", HERE / "plugin.py")
_loaded("grafana_drawings", HERE / "drawings.py")
if "seeding" not in sys.modules:
    _loaded("seeding", HERE.parent / "query" / "seeding.py")
import seeding  # noqa: E402

from cortex_otel.query.zones import zone  # noqa: E402
from cortex_otel_exporters.sqlite.files import open_for_writing  # noqa: E402
from cortex_otel_exporters.sqlite.reader import open_reader  # noqa: E402
from cortex_otel_exporters.sqlite.zone_table import keep_zone  # noqa: E402

LANGUAGES = ("en", "ko")
ZONES = ("Asia/Seoul", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
#: A whole second; half past two in the afternoon of a Wednesday in Seoul.
NOW = 1_771_997_400_000_000_000


@pytest.fixture(scope="session")
def root():
    return HERE.parents[1]


@pytest.fixture(scope="session")
def grafana(root):
    return root / "grafana"


@pytest.fixture(scope="session")
def dashboards(grafana):
    """The committed dashboards by language and uid."""
    found = {}
    for language in LANGUAGES:
        files = sorted((grafana / "dashboards" / language).glob("*.json"))
        plain = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        assert [path.stem for path in files] == [each["uid"] for each in plain]
        found[language] = {each["uid"]: each for each in plain}
    return found


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """Enough events for both ways to answer: from the events, and from roll-ups."""
    path = tmp_path_factory.mktemp("grafana") / "cortex.db"
    return seeding.build(path, seeding.random_events(70_000, days=50, users=150))


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    return seeding.build(tmp_path_factory.mktemp("grafana") / "empty.db", [])


@pytest.fixture(scope="session")
def grafana_over(seeded):
    over = plugin.Plugin(seeded)
    yield over
    over.close()


@pytest.fixture(scope="session")
def population(tmp_path_factory):
    """What the demo makes, through the real write path: every kind of event, and an incident."""
    from cortex_otel.demo.synthetic_data import fill

    path = tmp_path_factory.mktemp("grafana") / "cortex.db"
    fill(path, days=50, users=150, seed=3, now_ns=NOW)
    return path


@dataclass
class Store:
    """A database, the end of what is in it, and one of its users."""

    over: plugin.Plugin
    connection: object
    end: int
    user: str

    def close(self):
        self.over.close()
        self.connection.close()


def with_zones(path):
    """As ``cortex-otel serve`` leaves it, of a project in each of these zones in turn."""
    for name in ZONES:
        keep_zone(path, name, zone(name).recent_offsets(NOW))
    return path


def with_named_metrics(path, now):
    """As the job ``metrics`` leaves it."""
    from cortex_otel.operate.metric_upkeep import Upkeep

    writer, reader = open_for_writing(path), open_reader(path)
    for _ in Upkeep(reader, writer, zone("Asia/Seoul"), now, rest=0).steps():
        pass
    reader.close()
    writer.close()


def with_jobs_and_alerts(path, now):
    """As ``cortex-otel serve`` leaves them, of a job that fails and an alert that was told."""
    hour = seeding.HOUR
    writer = open_for_writing(path)
    with writer:
        writer.executemany(
            "INSERT INTO jobs (job, next_run, last_start, last_end, last_success, outcome, detail,"
            " failures) VALUES (?1, ?2 + 3600000000000, ?2 - 2000000000, ?2, ?3, ?4, ?5, ?6)",
            [
                ("backup", now - hour, None, "failed", "no room", 3),
                ("metrics", now - hour, now - hour, "done", "", 0),
            ],
        )
        writer.executemany(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (1, "error_rate", "mcp", "resolved", now - 9 * hour, now - 8 * hour, now - 7 * hour,
                 0.125, 0.25, 0.05, json.dumps({
                     "from_ns": now - 9 * hour, "to_ns": now - 8 * hour,
                     "tool": "search_context", "error_type": "TimeoutError"})),
                (2, "job", "backup", "firing", now - hour, now - hour, None, 3, 3, 3, "{}"),
                (3, "disk", "", "pending", now - hour, None, None, 900, 900, 1000, "{}"),
            ],
        )  # fmt: skip
        writer.execute(
            "INSERT INTO alert_messages (alert_key, state, channel, next_attempt, delivered)"
            " VALUES (1, 'firing', 'slack', ?1, ?1)",
            (now - 8 * hour,),
        )
    writer.close()


def _store(path, end):
    with_zones(path)
    connection = open_reader(path)
    # With errors and traces, where there are any, so that there is something to see.
    sql = (
        "SELECT user_id_hash FROM telemetry_events WHERE user_id_hash IS NOT NULL"
        " GROUP BY 1 ORDER BY sum(result = 'error' AND trace_id <> '') DESC, 1 LIMIT 1"
    )
    return Store(plugin.Plugin(path), connection, end, connection.execute(sql).get)


@pytest.fixture(scope="session")
def random_store(seeded):
    store = _store(seeded, seeding.MONDAY + 50 * seeding.DAY)
    yield store
    store.close()


@pytest.fixture(scope="session")
def population_store(population):
    with_named_metrics(population, NOW)
    with_jobs_and_alerts(population, NOW)
    store = _store(population, NOW)
    yield store
    store.close()


@pytest.fixture(scope="session")
def changed_store(tmp_path_factory):
    """By season: a population with a change of New York's clocks 20 days before its end."""
    from cortex_otel.demo.synthetic_data import fill

    made = {}

    def of(season):
        if season not in made:
            # 2026-03-28 and 2025-11-22, within an hour.
            end = {"spring": 1_774_674_000, "autumn": 1_763_800_200}[season] * 10**9
            path = tmp_path_factory.mktemp("grafana") / f"{season}.db"
            fill(path, days=45, users=60, seed=4, now_ns=end)
            made[season] = _store(path, end)
        return made[season]

    yield of
    for store in made.values():
        store.close()


@pytest.fixture(scope="session")
def store_of_today(tmp_path_factory):
    """A population whose last events are of this hour."""
    from cortex_otel.demo.synthetic_data import fill

    path, now = tmp_path_factory.mktemp("grafana") / "today.db", time.time_ns()
    fill(path, days=45, users=60, seed=4, now_ns=now)
    store = _store(path, now)
    yield store
    store.close()


@pytest.fixture(params=["random_store", "population_store"])
def store(request):
    return request.getfixturevalue(request.param)
