"""What panels should say, computed from rows one by one, never from a roll-up.

Written from the definitions (what a panel says about itself), not from the SQL.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import math
from collections import defaultdict
from zoneinfo import ZoneInfo

import apsw
from sessionizer import sittings

from cortex_otel.query.zones import zone
from cortex_otel.show.pages import PAGES
from cortex_otel.show.web.panels import answer
from cortex_otel.show.web.parameters import PageQuery
from cortex_otel_exporters.sqlite.reader import open_reader

NS = 10**9
HOUR, DAY = 3600 * NS, 86_400 * NS
#: By the registry: what isn't use, and what counts in no error rate.
INACTIVE = ("ext.install", "ext.error", "feature_flag.evaluation", "span", "log")
UNRATED = ("ext.install", "feature_flag.evaluation", "span", "log")
FAILED = ("error", "timeout")
#: 2025-12-01T12:00:00Z: a time that is over, and that has the end of New York's summer time in it.
NOW_NS = 1_764_590_400 * NS

#: Every kind of event has weights, and errors have none: a sum that forgets them shows.
SAMPLING = {"*": 0.5, "mcp.tool_call": 0.8, "ext.context_switch": 0.1, "ext.install": 1.0}


def asker(database):
    connection = open_reader(database)

    def ask(page, panel, **filters):
        of = PAGES[page]
        found = next(each for each in of.panels if each.id == panel)
        given = {"from": filters.pop("from_", None), **filters}
        query = PageQuery.model_validate({k: v for k, v in given.items() if v is not None})
        return answer(connection, of, found, query, default_zone=zone("UTC"), language="en")

    return ask


def read(database):
    """Every row of the view, and no roll-up."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    cursor = connection.execute("SELECT * FROM telemetry_events")
    names = [column[0] for column in cursor.get_description()]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    parts = connection.execute("SELECT session_id, os, ide FROM telemetry_user_sessions")
    platforms = {session: (os, ide) for session, os, ide in parts}
    connection.close()
    for row in found:
        row["data"] = json.loads(row["event_data"])
        row["failed"] = row["result"] in FAILED
        row["product"] = row["event_type"] not in {"span", "log"}
        row["active"] = row["event_type"] not in INACTIVE
        row["rated"] = row["event_type"] not in UNRATED
    return found, platforms


class Truth:
    """Rows of one range and its filters, by the words of the definitions.

    Args:
        found: what :func:`read` gave.
        told: an answer; its range and what it says of exactness count.
        service: only this one.
        tier: only this one.
    """

    def __init__(self, found, told, *, service=None, tier=None):
        self.everything, self.platforms = found
        self.told, self.service, self.tier = told, service, tier
        self.from_ns, self.to_ns = (moment(told["range"][end]) for end in ("from", "to"))
        self.zone = told["range"]["time_zone"]
        self.exact = told["exact"]
        self.all = [row for row in self.everything if row["product"] and self.chosen(row)]
        self.first_ns = min(row["timestamp"] for row in self.everything if row["active"])

    def chosen(self, row):
        return (not self.service or row["service"] == self.service) and (
            not self.tier or row["user_tier"] == self.tier
        )

    def events(self, rows=None):
        """Product events in the range, to the nanosecond."""
        rows = self.all if rows is None else rows
        return [row for row in rows if self.from_ns <= row["timestamp"] < self.to_ns]

    def users(self, rows=None):
        """Users who were active in the range."""
        return users(row for row in self.events(rows) if row["active"])

    def local_day(self, at_ns):
        return day_of(at_ns, self.zone)

    def days(self):
        """Local days of the range, from the first active event ever on."""
        first = self.local_day(max(self.from_ns, self.first_ns))
        return range(first, self.local_day(self.to_ns - 1) + 1)

    def by_local_day(self, rows):
        found = defaultdict(list)
        for row in rows:
            found[self.local_day(row["timestamp"])].append(row)
        return found

    def is_over(self, day):
        return start_of(day + 1, self.zone) <= self.to_ns

    def is_whole(self, day):
        return self.is_over(day) and start_of(day, self.zone) >= self.from_ns

    def sessions(self, service=None):
        """Sessions of product events, cut by time, by what all of their events say."""
        products = [row for row in self.everything if row["product"] and row["session_id"]]
        cut = sittings(
            products,
            session=lambda row: row["session_id"],
            time=lambda row: row["timestamp"],
            duration=lambda row: end_of(row) - row["timestamp"],
        )
        parts = defaultdict(int)
        found = []
        for one in sorted(cut, key=lambda one: one.start):
            parts[one.session] += 1
            last = max(one.events, key=lambda row: row["timestamp"])
            if self.chosen(last):
                os, ide = self.platforms[one.session]
                found.append(
                    {
                        "session_id": one.session,
                        "part": parts[one.session],
                        "user_id_hash": last["user_id_hash"],
                        "start": one.start,
                        "end": one.end,
                        "ms": (one.end - one.start) / 1e6,
                        "service": last["service"],
                        "user_tier": last["user_tier"],
                        "events": whole(one.events),
                        "errors": whole([row for row in one.events if row["failed"]]),
                        "os": os,
                        "ide": ide,
                    }
                )
        return [one for one in found if service in {None, one["service"]}]

    def overlapping(self, service=None):
        return [
            one
            for one in self.sessions(service)
            if one["end"] >= self.from_ns and one["start"] < self.to_ns
        ]


@functools.cache
def day_of(at_ns, zone):
    """The calendar day, in days since 1970."""
    return dt.datetime.fromtimestamp(at_ns // NS, ZoneInfo(zone)).toordinal() - 719_163


@functools.cache
def start_of(day, zone):
    """The first second whose calendar day is this one or a later."""
    before, after = (day - 2) * 86_400, (day + 2) * 86_400
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if day_of(middle * NS, zone) < day else (before, middle)
    return after * NS


def end_of(row):
    return row["timestamp"] + round((row["duration_ms"] or 0) * 1e6)


def moment(text):
    since = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000


def iso_day(day):
    return dt.date.fromordinal(719_163 + day).isoformat()


def weigh(rows, value=lambda _: 1.0):
    return math.fsum(row["weight"] * value(row) for row in rows)


def errors(rows):
    return weigh([row for row in rows if row["failed"]])


def error_rate(rows):
    """Failures of all events, both of the types that count in error rates."""
    rows = [row for row in rows if row["rated"]]
    return ratio(errors(rows), weigh(rows))


def ratio(part, whole):
    return part / whole if whole else None


def whole(rows):
    """As a session is shown: its events weighted, added up, and then rounded."""
    return math.floor(weigh(rows) + 0.5)


def users(rows):
    return {row["user_id_hash"] for row in rows if row["user_id_hash"]}


def mean(values):
    values = list(values)
    return math.fsum(values) / len(values) if values else None


def timed(rows):
    return [row for row in rows if row["duration_ms"] is not None]


def average_ms(rows):
    rows = timed(rows)
    return ratio(weigh(rows, lambda row: row["duration_ms"]), weigh(rows))


def percentile(rows, share):
    """Nearest rank, each row as often as its weight says."""
    rows = sorted(timed(rows), key=lambda row: row["duration_ms"])
    total = weigh(rows)
    for row, reached in zip(rows, itertools.accumulate(r["weight"] for r in rows), strict=True):
        if reached * 100 >= total * share - 1e-9:
            return row["duration_ms"]
    return None


def durations(rows, *shares):
    return {f"p{share}_ms": percentile(rows, share) for share in shares}


def of_type(rows, event_type):
    return [row for row in rows if row["event_type"] == event_type]


def measure(rows, key):
    """Sum of a number that events tell, by weight."""
    return weigh([row for row in rows if key in row["data"]], lambda row: row["data"][key])
