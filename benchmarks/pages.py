"""Server time of every page of the web admin, in ms, at 100,000 and 1,000,000 events.

The databases are those of ``disk.py``: 90 days, 800 users. Each panel is answered as it would be
for a browser, on a warm connection: validate the filters, run the query, convert the rows for the
API, and encode JSON. A page's time is the sum over its panels, as if a single thread answered them;
a browser requests them in parallel and draws each as it arrives. *Compared* also queries the
previous period for the cards. Medians of several rounds over all pages.

A panel with a fixed range (the last 24 hours) keeps it. The user page is that of the user with the
most events, the worst case.

Repeat: ``python benchmarks/pages.py``; ``--keep DIRECTORY`` keeps the databases for the next run.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import orjson
from _harness import Bar, Report, Run, Table
from disk import BEGIN_NS, END_NS, build

from cortex_otel.query.ranges import parse_moment
from cortex_otel.query.zones import zone
from cortex_otel.show.pages import PAGES
from cortex_otel.show.web.panels import answer
from cortex_otel.show.web.parameters import PageQuery
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    import argparse

    import apsw

    from cortex_otel.show.pages import Page, Panel

_BAR_MS = 300.0
_RANGES = ("24h", "30d", "90d")
_LARGE = 1_000_000
_ZONE = zone("Asia/Seoul")
_BUSIEST = """
    SELECT u.user_id_hash FROM users u JOIN rollup_user_day d USING (user_key)
    GROUP BY u.user_key ORDER BY sum(d.events) DESC LIMIT 1"""


def measure(run: Run) -> Report:
    """Each size by itself; all pages in turn, several times."""
    directory = Path(run.options.keep) if run.options.keep else run.homes
    directory.mkdir(parents=True, exist_ok=True)
    tables: list[Table] = []
    bars: list[Bar] = []
    for events in (3_000,) if run.quick else (100_000, _LARGE):
        pages, panels = _ask_all(directory, events, rounds=1 if run.quick else 5)
        columns = ["page", "panels", *_RANGES, "30d, compared"]
        tables.append(Table(f"all panels of a page, ms, {events:,} events", columns, pages))
        slowest = sorted(panels, key=lambda row: -max(row[2:5]))[:8]
        columns = ["panel", "question", *_RANGES, "30d, compared"]
        tables.append(Table(f"the slowest panels, ms, {events:,} events", columns, slowest))
        if events == _LARGE:
            for column, label in enumerate(_RANGES, 2):
                worst = max(pages, key=lambda row: row[column])
                bars.append(
                    Bar(
                        f"slowest page at {events:,} over {label} ({worst[0]})",
                        worst[column],
                        _BAR_MS,
                        "ms",
                    )
                )
    return Report(tables, bars)


def _ask_all(directory: Path, events: int, rounds: int) -> tuple[list[list[Any]], list[list[Any]]]:
    path = directory / f"ours-{events}.db"
    if not path.exists():
        build(path, events)
    connection = open_reader(path)
    user = str(connection.execute(_BUSIEST).get)
    times: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds + 1):  # the first fills the page cache
        for page in PAGES.values():
            for panel in page.panels:
                for label in (*_RANGES, "compared"):
                    took = _ask(connection, page, panel, label, user)
                    if number:
                        times.setdefault((page.id, panel.id, label), []).append(took)
    connection.close()
    medians = {key: statistics.median(found) for key, found in times.items()}
    labels = (*_RANGES, "compared")
    pages = [
        [
            page.id,
            len(page.panels),
            *(sum(medians[page.id, panel.id, label] for panel in page.panels) for label in labels),
        ]
        for page in PAGES.values()
    ]
    panels = [
        [
            f"{page.id}.{panel.id}",
            panel.question,
            *(medians[page.id, panel.id, label] for label in labels),
        ]
        for page in PAGES.values()
        for panel in page.panels
    ]
    return pages, panels


def _ask(connection: apsw.Connection, page: Page, panel: Panel, label: str, user: str) -> float:
    since = panel.since or ("30d" if label == "compared" else label)
    # "Now" is the end of the database, also for a panel that has a range of its own.
    given = {
        "from": _iso(max(parse_moment(since, END_NS, zone("UTC")), BEGIN_NS)),
        "to": _iso(END_NS),
        "compare": "1" if label == "compared" else "0",
    }
    if page.id == "user":
        given["user"] = user
    started = time.perf_counter()
    query = PageQuery.model_validate(given)
    response = answer(
        connection,
        page,
        dataclasses.replace(panel, since=""),
        query,
        default_zone=_ZONE,
        language="en",
        time_limit_ms=60_000,
    )
    orjson.dumps(response)
    return (time.perf_counter() - started) * 1000


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat()


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--keep", metavar="DIRECTORY", help="where to create or reuse databases")


if __name__ == "__main__":
    harness.main(__doc__, measure, arguments=arguments)
