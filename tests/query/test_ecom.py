"""Funnels and retention of public data, as ClickHouse answers them (tests/data/ecom)."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest
from seeding import Event, build

from cortex_otel.query import analysis
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.reader import open_reader

DATA = Path(__file__).parents[1] / "data" / "ecom"
ANSWERS = json.loads((DATA / "clickhouse.json").read_text())
FUNNELS = [each for each in ANSWERS if "steps" in each]
PAIRS = [each for each in ANSWERS if "cells" in each]
SECOND = 10**9
END = int(dt.datetime(2024, 12, 1, tzinfo=dt.UTC).timestamp()) * SECOND


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with gzip.open(DATA / "ecom.csv.gz", "rt") as file:
        events = [
            Event(
                int(dt.datetime.fromisoformat(f"{row['timestamp']}+00:00").timestamp()) * SECOND,
                event_type=f"shop.{row['event']}",
                feature="",
                user=row["user_id"],
                session=row["session_id"],
            )
            for row in csv.DictReader(file)
        ]
    connection = open_reader(build(tmp_path_factory.mktemp("shop") / "cortex.db", events))
    yield connection
    connection.close()


def test_it_is_the_whole_set(shop):
    assert shop.execute("SELECT count(*), count(DISTINCT user_key) FROM events").get == (
        31_106,
        600,
    )


@pytest.mark.parametrize("funnel", FUNNELS, ids=str)
def test_funnels(shop, funnel):
    asked = {
        "from_ns": 0,
        "to_ns": END,
        "steps": " > ".join(f"shop.{step}" for step in funnel["steps"]),
        "within_s": funnel["within_s"],
    }
    rows = run(shop, catalogue()["funnel"], asked).rows
    assert [row[3] for row in rows] == funnel["users"]


def test_the_sql_says_so_too(shop, monkeypatch):
    monkeypatch.setattr(analysis, "is_available", lambda: False)
    test_funnels(shop, FUNNELS[2])


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["start"])
def test_retention(shop, pair):
    asked = {
        "from_ns": 0,
        "to_ns": END,
        "start": f"shop.{pair['start']}",
        "return_event": f"shop.{pair['return_event']}",
    }
    found = defaultdict(int)
    for cohort, period, _, active, _ in run(
        shop, catalogue()["retention"], asked, row_limit=9999
    ).rows:
        if active:
            day = dt.date(1970, 1, 1) + dt.timedelta(days=cohort)
            found[day.isoformat(), period] = active
    assert found == {(cohort, int(k)): int(users) for cohort, k, users in pair["cells"]}
