"""Stores of made-up weeks, and their reports as text."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

pytest.importorskip("typst", reason="needs the extra report")

_SEEDING = Path(__file__).parents[1] / "query" / "seeding.py"
if "seeding" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("seeding", _SEEDING)
    sys.modules["seeding"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["seeding"])
seeding = sys.modules["seeding"]

from cortex_otel.query.zones import zone  # noqa: E402
from cortex_otel.show.report.content import content  # noqa: E402
from cortex_otel.show.report.facts import gather  # noqa: E402
from cortex_otel.show.report.pdf import typeset  # noqa: E402
from cortex_otel.show.report.weeks import parse_week  # noqa: E402
from cortex_otel_exporters.sqlite.reader import open_reader  # noqa: E402

SEOUL = "Asia/Seoul"
#: The tenth week of the population, which ends three weeks later.
WEEK = "2026-W11"


def tool(name):
    """The program, which CI installs."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
            pytest.fail(f"{name} is missing")
        pytest.skip(f"needs {name} (CORTEX_REQUIRE_ALL=1 makes this a failure)")
    return found


def text_of(pdf, *options):
    """What a reader can copy out of it."""
    command = [tool("pdftotext"), "-enc", "UTF-8", *options, "-", "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


@pytest.fixture(scope="session")
def program():
    """What :func:`tool` finds."""
    return tool


@pytest.fixture(scope="session")
def population(tmp_path_factory):
    """13 weeks of 90 users from 2026-01-05 on; in one of them a tool is called much more often."""
    events = seeding.random_events(9000, days=91, users=90)
    start = zone(SEOUL).instant("2026-03-11T10:00")
    events += [
        seeding.Event(
            time=start + number * 10**9, duration=(900 + number) * 10**6, tool_name="summarize",
            name="call summarize", user=seeding.user_hash(number % 7), session=f"more-{number % 7}",
            tier="free", result="error" if number % 9 == 0 else "success",
            error_type="ConflictError" if number % 9 == 0 else "",
        )
        for number in range(240)
    ]  # fmt: skip
    events.sort(key=lambda event: event.time)
    database = seeding.build(tmp_path_factory.mktemp("population") / "cortex.db", events)
    connection = apsw.Connection(str(database))
    at = zone(SEOUL).instant
    rows = [
        ("error_rate", "mcp", "resolved", "2026-03-11T10:00", "2026-03-11T10:42", 0.114, 0.05),
        ("service_down", "extension", "firing", "2026-03-14T23:05", None, None, None),
        ("disk", "", "pending", None, None, 0.91, 0.9),
        ("response_time", "mcp", "resolved", "2026-03-01T10:00", "2026-03-01T11:00", 1500, 1000),
    ]
    connection.executemany(
        "INSERT INTO alerts"
        " (rule, subject, state, since, fired, resolved, value, threshold, detail)"
        ' VALUES (?, ?, ?, 1, ?, ?, ?, ?, \'{"tool": "secret-detail"}\')',
        [(*row[:3], *(moment and at(moment) for moment in row[3:5]), *row[5:]) for row in rows],
    )
    connection.close()
    return database


@pytest.fixture
def store(population):
    connection = open_reader(population)
    yield connection
    connection.close()


def made(database, week=WEEK, *, now="2026-12-31", tz=SEOUL, language="en"):
    """Facts of a report, its bytes, and what can be read in it."""
    connection = open_reader(database)
    try:
        facts = gather(connection, parse_week(week), zone(tz), zone(tz).instant(now))
    finally:
        connection.close()
    pdf = typeset(content(facts, language))
    return facts, pdf, text_of(pdf, "-layout")


@pytest.fixture(scope="session")
def full_week(population):
    """The report of a week with everything in it, by language."""
    return {language: made(population, language=language) for language in ("en", "ko")}


@pytest.fixture
def report(tmp_path):
    """:func:`made`, also of a list of events."""

    def make(source, *arguments, **more):
        if not isinstance(source, list):
            return made(source, *arguments, **more)
        database = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
        return made(seeding.build(database, source), *arguments, **more)

    return make


@pytest.fixture(scope="session")
def files(full_week, population, tmp_path_factory):
    """A full week and an empty one, in both languages."""
    folder = tmp_path_factory.mktemp("files")
    found = {f"full-{language}": pdf for language, (_, pdf, _) in full_week.items()}
    for language in ("en", "ko"):
        found[f"empty-{language}"] = made(population, "2026-W30", language=language)[1]
    for name, pdf in found.items():
        (folder / f"{name}.pdf").write_bytes(pdf)
    return {name: folder / f"{name}.pdf" for name in found}
