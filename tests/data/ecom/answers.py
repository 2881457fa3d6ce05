"""What ClickHouse says of the events in ``ecom.csv.gz``: writes ``clickhouse.json``.

``pip install chdb`` (900 MB, so not among the development dependencies) and run this file. Funnels
are ``windowFunnel``, without those that name a step twice in a row: there one event is both, and
here it takes two. Retention is by calendar weeks, from the first start ever.
"""

from __future__ import annotations

import json
from pathlib import Path

import chdb

HERE = Path(__file__).parent
FUNNELS = [
    {"steps": steps.split(), "within_s": within_s}
    for steps in (
        "home product_view add_to_cart purchase",
        "product_view add_to_cart",
        "search product_view add_to_cart cart purchase",
        "home",
        "purchase home purchase",
    )
    for within_s in (60, 300, 3600, 86_400, 30 * 86_400)
]
PAIRS = [("product_view", "purchase"), ("home", "home"), ("purchase", "product_view")]
EVENTS = f"file('{HERE}/ecom.csv.gz', CSVWithNames)"


def rows(sql):
    return json.loads(chdb.query(sql, "JSONCompact").data())["data"]


def main():
    answers = {"funnels": [], "retention": []}
    for funnel in FUNNELS:
        conditions = ", ".join(f"event = '{step}'" for step in funnel["steps"])
        found = rows(
            f"SELECT level, count() FROM (SELECT user_id, windowFunnel({funnel['within_s']})"
            f"(toDateTime(timestamp, 'UTC'), {conditions}) AS level FROM {EVENTS}"
            " GROUP BY user_id) GROUP BY level"
        )
        levels = {int(level): int(users) for level, users in found}
        users = [
            sum(n for level, n in levels.items() if level >= step)
            for step in range(1, len(funnel["steps"]) + 1)
        ]
        answers["funnels"].append({**funnel, "users": users})
    for start, back in PAIRS:
        week = "toStartOfWeek(toDateTime(timestamp, 'UTC'), 1)"
        cells = rows(
            "SELECT toString(cohort), dateDiff('week', cohort, came, 'UTC') AS k,"
            " uniqExact(user_id)"
            f" FROM (SELECT user_id, min({week}) AS cohort FROM {EVENTS}"
            f" WHERE event = '{start}' GROUP BY user_id) s"
            f" JOIN (SELECT user_id, {week} AS came FROM {EVENTS} WHERE event = '{back}') r"
            " USING user_id WHERE came >= cohort GROUP BY cohort, k ORDER BY cohort, k"
        )
        answers["retention"].append({"start": start, "return_event": back, "cells": cells})
    lines = ",\n".join(json.dumps(each) for each in [*answers["funnels"], *answers["retention"]])
    (HERE / "clickhouse.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
