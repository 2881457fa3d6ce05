"""Each panel of each page against plain Python over the rows: several ranges, filters and zones.

Longer than other files because each panel has its own definition, and none may be left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter, defaultdict

import pytest
from truth import (
    DAY,
    FAILED,
    HOUR,
    Truth,
    average_ms,
    durations,
    error_rate,
    errors,
    iso_day,
    mean,
    measure,
    moment,
    of_type,
    ratio,
    timed,
    users,
    weigh,
)

from cortex_otel.query import runner
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.pages import PAGES

BEFORE, AFTER = "cortex.compress.tokens_before", "cortex.compress.tokens_after"
SUGGESTED, ACCEPTED = "cortex.reference.suggested", "cortex.reference.accepted"
RESULTS, RECALL = "cortex.search.results", "cortex.search.recall"
#: A roll-up's percentile is in the bucket of that of the events.
BUCKET = 2 ** (1 / 8) - 1


# --- Overview ---------------------------------------------------------------------------------


def people(true):
    last = true.local_day(true.to_ns) - 1
    by_day = active_days(true)

    def active(days, until=last):
        return len(set().union(*(users(by_day[day]) for day in range(until - days + 1, until + 1))))

    dau, wau, mau = active(1), active(7), active(30)
    first = true.local_day(true.first_ns)
    full = range(max(true.days().start, first + 29), last + 1)
    monthly = sum(active(30, day) for day in full)
    return [{
        "day": iso_day(last), "dau": dau, "wau": wau, "mau": mau,
        "stickiness": ratio(sum(active(1, day) for day in full), monthly),
        "partial": int(first > last - 29),
    }]  # fmt: skip


def active_days(true):
    return true.by_local_day([row for row in true.all if row["active"]])


def totals(true):
    events = true.events()
    return [{
        "events": weigh(events), "errors": errors(events),
        "error_rate": error_rate(events), "rated": number_rated(events),
        "active_users": len(true.users()), "sessions": len(true.overlapping()),
        "avg_ms": average_ms(events), "timed": weigh(timed(events)),
        **durations(events, 50, 95, 99),
    }]  # fmt: skip


def dau(true):
    by_day = active_days(true)
    return [
        {
            "day": iso_day(day),
            "users": len(users(by_day[day])),
            "partial": int(not true.is_over(day)),
            "breakdown": "",
        }
        for day in true.days()
    ]


def mau(true):
    by_day = active_days(true)
    first = true.local_day(true.first_ns)
    return [{
        "day": iso_day(day),
        "users": len(set().union(*(users(by_day[each]) for each in range(day - 29, day + 1)))),
        "partial": int(not true.is_over(day) or first > day - 29),
    } for day in true.days()]  # fmt: skip


def first_of_all(true):
    return min(row["timestamp"] for row in true.everything)


def hours(true):
    begin = max(true.from_ns, first_of_all(true)) // HOUR
    return [
        {name: value for name, value in row.items() if name != "error_rate"}
        for row in by_hour(true, true.all)
        if row["time"] >= begin * HOUR
    ]


def by_hour(true, rows):
    found = []
    for hour in range(true.from_ns // HOUR, -(-true.to_ns // HOUR)):
        own = [row for row in true.events(rows) if row["timestamp"] // HOUR == hour]
        found.append(
            {
                "time": hour * HOUR,
                "events": weigh(own),
                "errors": errors(own),
                "error_rate": error_rate(own),
                "partial": int((hour + 1) * HOUR > true.to_ns or hour * HOUR < true.from_ns),
            }
        )
    return found


def hourly_error_rate(true):
    return [row for row in by_hour(true, true.all) if row["events"]]


def tiers(true):
    last = {}
    # The tier filter would make it a page of one tier.
    chosen = Truth((true.everything, true.platforms), true.told, service=true.service)
    used = [row for row in chosen.events() if row["active"]]
    for row in sorted(used, key=lambda row: row["timestamp"]):
        last[row["user_id_hash"]] = row["user_tier"]
    events = chosen.events()
    return [{
        "user_tier": tier, "users": sum(each == tier for each in last.values()),
        "user_share": ratio(sum(each == tier for each in last.values()), len(last)),
        "events": weigh([row for row in events if row["user_tier"] == tier]),
        "errors": errors([row for row in events if row["user_tier"] == tier]),
    } for tier in {*last.values(), *(row["user_tier"] for row in events)}]  # fmt: skip


def services(true):
    found = []
    for service in {row["service"] for row in true.events()}:
        own = [row for row in true.all if row["service"] == service]
        events = true.events(rows=own)
        found.append(
            {
                "service": service,
                **rated(events),
                "rated": number_rated(events),
                "users": len(true.users(rows=own)),
            }
        )
    return found


def number_rated(events):
    return weigh([row for row in events if row["rated"]])


def rated(events, name="events"):
    return {
        name: weigh(events),
        "errors": errors(events),
        "error_rate": error_rate(events),
    }


def event_types(true):
    return [
        {"service": key[0], "event_type": key[1], **rated(rows)}
        for key, rows in grouped(true.events(), "service", "event_type").items()
    ]


def grouped(rows, *names):
    found = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names)].append(row)
    return found


def weeks(true, rows):
    """Rows by the Monday of their local week, and the weeks that are over."""
    found = defaultdict(list)
    for row in rows:
        found[(true.local_day(row["timestamp"]) + 3) // 7 * 7 - 3].append(row)
    first = (true.local_day(max(true.from_ns, true.first_ns)) + 3) // 7 * 7 - 3
    last = true.local_day(true.to_ns - 1)
    return found, [monday for monday in range(first, last + 1, 7) if true.is_over(monday + 6)]


def top_feature(true):
    active = [row for row in true.all if row["active"]]
    by_week, over = weeks(true, active)
    if not over:
        return []
    used = defaultdict(set)
    for row in by_week[over[-1]]:
        if row["feature"] and row["event_type"] != "ext.activate":
            used[f"{row['event_type']}:{row['feature']}"].add(row["user_id_hash"])
    name = min(used, key=lambda each: (-len(used[each]), each))
    return [{
        "week": iso_day(over[-1]), "feature": name, "users": len(used[name]),
        "share_of_active": len(used[name]) / len(users(by_week[over[-1]])),
    }]  # fmt: skip


def failing(true):
    by_place = defaultdict(list)
    for row in true.events():
        if row["event_type"] != "ext.error":
            by_place[row["event_type"], row["tool_name"] or ""].append(row)
    most = min(by_place, key=lambda each: (-errors(by_place[each]), each))
    failed = [row for row in by_place[most] if row["failed"]]
    if not failed:
        return []
    rated = [row for row in by_place[most] if row["rated"]]
    return [{
        "event_type": most[0], "place": most[1] or most[0], "errors": weigh(failed),
        "error_rate": ratio(weigh(failed), weigh(rated)), "users": len(users(failed)),
    }]  # fmt: skip


def how_fast(true):
    by_week, over = weeks(true, of_type(true.all, "mcp.tool_call"))
    p95 = {monday: durations(by_week[monday], 95)["p95_ms"] for monday in over if by_week[monday]}
    if not p95:
        return []
    last = max(p95)
    return [{
        "week": iso_day(last), "n": weigh(timed(by_week[last])), "p95_ms": p95[last],
        "p95_before_ms": p95.get(last - 7),
    }]  # fmt: skip


def left(true):
    by_week, over = weeks(true, [row for row in true.all if row["active"]])
    if len(over) < 2:
        return []
    before, last = (users(by_week[monday]) for monday in over[-2:])
    ever = users(row for monday in by_week if monday < over[-1] for row in by_week[monday])
    return [{
        "week": iso_day(over[-1]), "dormant_users": len(before - last),
        "active_before": len(before), "new_users": len(last - ever),
    }]  # fmt: skip


# --- MCP --------------------------------------------------------------------------------------


def mcp_summary(true):
    calls = of_type(true.events(), "mcp.tool_call")
    tokens = measure(true.events(), BEFORE), measure(true.events(), AFTER)
    references = measure(true.events(), SUGGESTED), measure(true.events(), ACCEPTED)
    return [{
        **rated(calls, "calls"), "tools": len({row["tool_name"] for row in calls}),
        "avg_ms": average_ms(calls), "timed": weigh(timed(calls)), **durations(calls, 50, 95, 99),
        "savings_rate": 1 - tokens[1] / tokens[0] if tokens[0] else None,
        "accuracy": ratio(references[1], references[0]),
    }]  # fmt: skip


def tool_calls(true):
    found = []
    for (tool,), rows in grouped(of_type(true.events(), "mcp.tool_call"), "tool_name").items():
        found.append({
            "tool_name": tool, **rated(rows, "calls"), "avg_ms": average_ms(rows),
            "timeouts": weigh([row for row in rows if row["result"] == "timeout"]),
            "cancelled": weigh([row for row in rows if row["result"] == "cancelled"]),
            "n": weigh(timed(rows)), **durations(rows, 50, 95, 99),
        })  # fmt: skip
    return found


def pairs(true):
    """Tools of the same session, which half an hour without an event ends."""
    sittings = defaultdict(list)
    for row in true.events():
        if row["user_id_hash"] and (row["active"] or row["rated"]):
            sittings[row["user_id_hash"], row["session_id"]].append(row)
    sessions = []
    for own in sittings.values():
        own.sort(key=lambda row: row["timestamp"])
        last = None
        for row in own:
            if last is None or row["timestamp"] - last > HOUR // 2:
                sessions.append(set())
            last = row["timestamp"]
            if row["event_type"] == "mcp.tool_call" and row["feature"]:
                sessions[-1].add(row["feature"])
    sessions = [tools for tools in sessions if tools]
    counts = Counter(tool for tools in sessions for tool in tools)
    top = sorted(counts, key=lambda tool: (-counts[tool], tool))[:10]
    found = []
    for one, other in itertools.permutations(top, 2):
        both = sum({one, other} <= tools for tools in sessions)
        if both:
            lift = both * len(sessions) / (counts[one] * counts[other])
            found.append({"tool_name": one, "with_tool": other, "sessions": both, "lift": lift})
    return found


def daily(true, rows, make):
    return [
        {"day": iso_day(day), **make(own), "partial": int(not true.is_whole(day))}
        for day, own in true.by_local_day(rows).items()
    ]


def savings(true):
    rows = [row for row in true.events() if BEFORE in row["data"]]
    return daily(true, rows, lambda own: {
        "compressions": weigh(own), "tokens_before": measure(own, BEFORE),
        "tokens_after": measure(own, AFTER),
        "savings_rate": 1 - measure(own, AFTER) / measure(own, BEFORE),
    })  # fmt: skip


def net_savings(true):
    searches = defaultdict(list)
    for row in of_type(true.everything, "mcp.search_context"):
        searches[row["session_id"]].append(row["timestamp"])
    rows = [row for row in true.events() if BEFORE in row["data"] and row["session_id"]]

    def make(own):
        lost = [
            row for row in own
            if any(0 <= at - row["timestamp"] <= HOUR // 2 for at in searches[row["session_id"]])
        ]  # fmt: skip
        before, saved = measure(own, BEFORE), measure(own, BEFORE) - measure(own, AFTER)
        net = saved - (measure(lost, BEFORE) - measure(lost, AFTER))
        return {
            "compressions": weigh(own), "fetched_again": weigh(lost),
            "fetched_again_rate": weigh(lost) / weigh(own), "tokens_before": before,
            "tokens_saved": saved, "tokens_saved_net": net,
            "savings_rate": saved / before, "net_savings_rate": net / before,
        }  # fmt: skip

    return daily(true, rows, make)


def recall(true):
    rows = [row for row in true.events() if RECALL in row["data"]]
    return daily(true, rows, lambda own: {
        "checks": weigh(own), "recall": ratio(measure(own, RECALL), weigh(own)),
    })  # fmt: skip


def references(true):
    rows = [row for row in true.events() if SUGGESTED in row["data"]]
    return daily(true, rows, lambda own: {
        "suggested": measure(own, SUGGESTED), "accepted": measure(own, ACCEPTED),
        "accuracy": ratio(measure(own, ACCEPTED), measure(own, SUGGESTED)),
    })  # fmt: skip


def search(true):
    rows = of_type(true.events(), "mcp.search_context")
    told = [row for row in rows if RESULTS in row["data"]]
    checked = [row for row in rows if RECALL in row["data"]]
    if not rows:
        return []
    return [{
        **rated(rows, "searches"), "n": weigh(timed(rows)), **durations(rows, 50, 95, 99),
        "avg_results": ratio(measure(told, RESULTS), weigh(told)),
        "recall": ratio(measure(checked, RECALL), weigh(checked)), "checks": weigh(checked),
    }]  # fmt: skip


def search_days(true):
    rows = timed(of_type(true.events(), "mcp.search_context"))
    return daily(true, rows, lambda own: {"n": weigh(own), **durations(own, 50, 95)})


def branches(true):
    rows = of_type(true.events(), "mcp.branch_create")
    return [
        {
            "mode": mode or "unknown",
            "branches": weigh(own),
            "errors": errors(own),
            "share": weigh(own) / weigh(rows),
        }
        for (mode,), own in grouped(rows, "feature").items()
    ]


# --- Extension --------------------------------------------------------------------------------


def extension(true):
    mine = [row for row in true.all if row["service"] == "extension"]
    events = true.events(rows=mine)
    sessions = true.overlapping("extension")
    return [{
        "active_users": len(true.users(rows=mine)),
        "installs": weigh(of_type(events, "ext.install")),
        "activations": weigh(of_type(events, "ext.activate")),
        "interactions": weigh(of_type(events, "ext.ui_interaction")),
        "code_inserts": weigh(of_type(events, "ext.code_insert")),
        "lines_inserted": measure(events, "cortex.code.lines_inserted"),
        "completions_accepted": measure(events, "cortex.code.completion_accepted"),
        "errors": errors(events), "error_rate": error_rate(events),
        "rated": number_rated(events),
        "sessions": len(sessions), "avg_session_ms": mean(one["ms"] for one in sessions),
    }]  # fmt: skip


def ides(true):
    by_ide = defaultdict(list)
    for one in true.overlapping():
        if one["ide"]:
            by_ide[one["ide"]].append(one)
    counts = {ide: len({one["user_id_hash"] for one in own}) for ide, own in by_ide.items()}
    return [
        {
            "ide": ide,
            "users": counts[ide],
            "share": counts[ide] / sum(counts.values()),
            "sessions": len(own),
        }
        for ide, own in by_ide.items()
    ]


def interactions(true):
    rows = of_type(true.events(), "ext.ui_interaction")
    people = grouped(of_type(true.events(), "ext.ui_interaction"), "feature")
    return [
        {"interaction": name, "interactions": weigh(own), "users": len(users(people[name,]))}
        for (name,), own in grouped(rows, "feature").items()
    ]


def session_length(true):
    by_day = defaultdict(list)
    for one in true.sessions("extension"):
        if true.from_ns <= one["start"] < true.to_ns:
            by_day[true.local_day(one["start"])].append(one["ms"])
    return [
        {
            "day": iso_day(day),
            "sessions": len(own),
            "avg_session_ms": mean(own),
            "partial": int(not true.is_whole(day)),
        }
        for day, own in by_day.items()
    ]


def installed(true):
    """By user: when they installed it, when they last used it, and whether in the range."""
    since, last, active = {}, {}, set()
    for row in true.everything:
        day, user = row["timestamp"] // DAY, row["user_id_hash"]
        if row["event_type"] == "ext.install" and true.chosen(row):
            if row["timestamp"] >= true.to_ns:
                continue
            since[user] = min(since.get(user, day), day)
        if row["event_type"].startswith("ext.") and row["active"]:
            last[user] = max(last.get(user, day), day)
            if true.chosen(row) and true.from_ns <= row["timestamp"] < true.to_ns:
                active.add(user)
    return since, last, active


def installs(true):
    since, last, active = installed(true)
    states = [
        "active" if user in active else "inactive" if user in last else "never_used"
        for user in since
    ]
    return [
        {"state": state, "users": states.count(state), "share": states.count(state) / len(since)}
        for state in set(states)
    ]


def inactive(true):
    since, last, active = installed(true)
    return [
        {
            "user_id_hash": user,
            "installed": iso_day(day),
            "last_active": iso_day(last[user]) if user in last else None,
        }
        for user, day in since.items()
        if user not in active
    ]


def error_log(true, rows):
    return [{
        "time": row["timestamp"] // 10**6, "service": row["service"],
        "event_type": row["event_type"], "user_tier": row["user_tier"],
        "tool_name": row["tool_name"], "result": row["result"], "error_type": row["error_type"],
        "message": row["error_message"], "user_id_hash": row["user_id_hash"],
        "trace_id": row["trace_id"] or None, "id": row["id"],
    } for row in newest(true, rows) if row["failed"]][:50]  # fmt: skip


def newest(true, rows):
    rows = [row for row in rows if true.from_ns <= row["timestamp"] < true.to_ns]
    return sorted(rows, key=lambda row: (-row["timestamp"], -row["id"]))


def extension_errors(true):
    return error_log(true, [row for row in true.all if row["event_type"].startswith("ext.")])


# --- Users ------------------------------------------------------------------------------------


def user_summary(true):
    sessions = true.overlapping()
    known = [one for one in sessions if one["user_id_hash"]]
    active = true.users()
    first = {}
    for row in true.everything:
        if row["active"]:
            user = row["user_id_hash"]
            first[user] = min(first.get(user, row["timestamp"]), row["timestamp"])
    return [{
        "active_users": len(active), "sessions": len(sessions),
        "new_users": sum(true.from_ns <= first[user] < true.to_ns for user in active),
        "avg_session_ms": mean(one["ms"] for one in sessions),
        "sessions_per_user": ratio(len(known), len({one["user_id_hash"] for one in known})),
        "error_users": len(users([row for row in true.events() if row["failed"]])),
    }]  # fmt: skip


def new_users(true):
    first = {}
    for row in true.everything:
        user = row["user_id_hash"]
        if row["active"]:
            first[user] = min(first.get(user, row["timestamp"]), row["timestamp"])
    # With a filter: who was active in the service and tier on that first day.
    there = {
        (row["user_id_hash"], true.local_day(row["timestamp"])) for row in true.all if row["active"]
    }
    days = [day for user, at in first.items() if (user, day := true.local_day(at)) in there]
    return [
        {"day": iso_day(day), "new_users": days.count(day), "partial": int(not true.is_over(day))}
        for day in true.days()
    ]


def user_list(true):
    first = {}
    for row in true.everything:
        user = row["user_id_hash"]
        if row["product"]:
            first[user] = min(first.get(user, row["timestamp"]), row["timestamp"])
    found = []
    for (user,), rows in grouped(true.events(), "user_id_hash").items():
        used = [row for row in rows if row["active"]]
        if not used:
            continue
        last = max(used, key=lambda row: row["timestamp"])
        found.append({
            "user_id_hash": user, "user_tier": last["user_tier"],
            "first_seen": first[user] // 10**6, "last_active": last["timestamp"] // 10**6,
            "active_days": len({true.local_day(row["timestamp"]) for row in used}), **rated(rows),
        })  # fmt: skip
    return sorted(found, key=lambda row: -row["last_active"])[:50]


def of_user(true):
    return [
        row
        for row in true.all
        if row["user_id_hash"] == true.user and true.from_ns <= row["timestamp"] < true.to_ns
    ]


def user_totals(true):
    rows = of_user(true)
    if not rows:
        return []  # an empty panel that says why, and no row of zeros
    sessions = [one for one in true.overlapping() if one["user_id_hash"] == true.user]
    last = max(rows, key=lambda row: row["timestamp"])
    ever = [
        row["timestamp"]
        for row in true.everything
        if row["user_id_hash"] == true.user and row["product"]
    ]
    return [{
        **rated(rows), "rated": number_rated(rows),
        "active_days": len({true.local_day(row["timestamp"]) for row in rows if row["active"]}),
        "tools": len({row["tool_name"] for row in of_type(rows, "mcp.tool_call")}),
        "sessions": len(sessions), "avg_session_ms": mean(one["ms"] for one in sessions),
        "first_seen": min(ever) // 10**6,
        "last_active": last["timestamp"] // 10**6, "user_tier": last["user_tier"],
    }]  # fmt: skip


def user_days(true):
    return [
        {
            "day": iso_day(day),
            "events": weigh(own),
            "errors": errors(own),
            "partial": int(not true.is_whole(day)),
        }
        for day, own in true.by_local_day(of_user(true)).items()
    ]


def user_tools(true):
    return [
        {
            "event_type": event_type,
            "feature": feature,
            **rated(own),
            "avg_ms": average_ms(own),
            "last_used": max(row["timestamp"] for row in own) // 10**6,
        }
        for (event_type, feature), own in grouped(of_user(true), "event_type", "feature").items()
    ]


def timeline(true):
    return event_list(true, of_user(true))


def event_list(true, rows):
    return [{
        "time": row["timestamp"] // 10**6, "service": row["service"],
        "event_type": row["event_type"], "user_tier": row["user_tier"], "feature": row["feature"],
        "result": row["result"], "duration_ms": row["duration_ms"],
        "error_type": row["error_type"], "message": row["error_message"],
        "user_id_hash": row["user_id_hash"], "session_id": row["session_id"],
        "trace_id": row["trace_id"] or None, "id": row["id"],
    } for row in newest(true, rows)[:50]]  # fmt: skip


def user_sessions(true):
    found = [one for one in true.overlapping() if one["user_id_hash"] == true.user]
    found.sort(key=lambda one: -one["end"])
    return [
        {
            **{
                name: one[name]
                for name in (
                    "session_id",
                    "user_id_hash",
                    "service",
                    "user_tier",
                    "events",
                    "errors",
                    "os",
                    "part",
                )
            },
            "ide": one["ide"],
            "start_time": one["start"] // 10**6,
            "end_time": one["end"] // 10**6,
            "duration_ms": one["ms"],
        }
        for one in found[:50]
    ]


# --- Errors -----------------------------------------------------------------------------------


def error_summary(true):
    events = true.events()
    failed = [row for row in events if row["failed"]]
    last = max((row["timestamp"] for row in failed), default=None)
    return [{
        **rated(events), "timeouts": weigh([row for row in failed if row["result"] == "timeout"]),
        "error_types": len({row["error_type"] for row in failed}), "rated": number_rated(events),
        "last_error": None if last is None else last // 10**6,
    }]  # fmt: skip


def error_hours(true):
    first = min((row["timestamp"] for row in true.all), default=0)
    found = []
    for hour in range(max(true.from_ns, first_of_all(true)) // HOUR, -(-true.to_ns // HOUR)):
        own = [row for row in true.events() if row["timestamp"] // HOUR == hour]
        found.append({
            "time": hour * HOUR,
            "errors": weigh([row for row in own if row["result"] == "error"]),
            "timeouts": weigh([row for row in own if row["result"] == "timeout"]),
            "partial": int((hour + 1) * HOUR > true.to_ns or hour * HOUR < true.from_ns),
        })  # fmt: skip
    assert first
    return found


def failed_once(true):
    """Failures by (event type, tool, result, error): an event of the tool's name is the tool's."""
    kinds = grouped(
        [row for row in true.events() if row["failed"]],
        "service", "user_tier", "result", "error_type", "event_type", "tool_name",
    )  # fmt: skip
    counts = {key: weigh(rows) for key, rows in kinds.items()}
    found = Counter()
    for (*way, event_type, tool), number in counts.items():
        calls = sum(
            of
            for (*other, kind, name), of in counts.items()
            if other == way and kind == "mcp.tool_call" and f"mcp.{name}" == event_type
        )
        if number > calls:
            found[event_type, tool, way[2], way[3] or "unknown"] += number - calls
    return found


def error_types(true):
    found = Counter()
    for (*_, error_type), number in failed_once(true).items():
        found[error_type] += number
    whole = sum(found.values())
    rows = [
        {"error_type": name, "errors": number, "share": number / whole}
        for name, number in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["errors"], row["error_type"]))[:15]


def error_places(true):
    failed, timeouts = Counter(), Counter()
    for (event_type, tool, result, _), number in failed_once(true).items():
        failed[event_type, tool] += number
        timeouts[event_type, tool] += number if result == "timeout" else 0
    found = []
    for key, own in grouped(true.events(), "event_type", "tool_name").items():
        if key in failed:
            whole = number_rated(own)
            found.append(
                {
                    "event_type": key[0],
                    "tool_name": key[1],
                    "events": weigh(own),
                    "errors": failed[key],
                    "error_rate": failed[key] / whole if whole else None,
                    "timeouts": timeouts[key],
                }
            )
    return found


#: By panel: what it should say, and the columns that name a row.
EXPECTED = {
    "overview.top_feature": (top_feature, ()), "overview.failing": (failing, ()),
    "overview.latency": (how_fast, ()), "overview.left": (left, ()),
    # Nobody's thirty days are over in the days of the last-day tests: see tests/query.
    "overview.conversion": (lambda _true: [], ()),
    "overview.people": (people, ("day",)), "overview.totals": (totals, ()),
    "overview.dau": (dau, ("day",)), "overview.mau": (mau, ("day",)),
    "overview.hours": (hours, ("time",)), "overview.error_rate": (hourly_error_rate, ("time",)),
    "overview.tiers": (tiers, ("user_tier",)), "overview.services": (services, ("service",)),
    "overview.event_types": (event_types, ("service", "event_type")),
    "mcp.summary": (mcp_summary, ()), "mcp.calls": (tool_calls, ("tool_name",)),
    "mcp.pairs": (pairs, ("tool_name", "with_tool")), "mcp.tools": (tool_calls, ("tool_name",)),
    "mcp.savings": (savings, ("day",)), "mcp.references": (references, ("day",)),
    "mcp.net_savings": (net_savings, ("day",)), "mcp.recall": (recall, ("day",)),
    "mcp.search": (search, ()), "mcp.search_days": (search_days, ("day",)),
    "mcp.branches": (branches, ("mode",)),
    "extension.summary": (extension, ()), "extension.ides": (ides, ("ide",)),
    "extension.interactions": (interactions, ("interaction",)),
    "extension.session_length": (session_length, ("day",)),
    "extension.installs": (installs, ("state",)),
    "extension.inactive": (inactive, ("user_id_hash",)),
    "extension.errors": (extension_errors, ("id",)),
    "users.summary": (user_summary, ()), "users.new_users": (new_users, ("day",)),
    "users.tiers": (tiers, ("user_tier",)), "users.users": (user_list, ("user_id_hash",)),
    "users.events": (lambda true: event_list(true, true.all), ("id",)),
    "user.totals": (user_totals, ()), "user.days": (user_days, ("day",)),
    "user.tools": (user_tools, ("event_type", "feature")), "user.timeline": (timeline, ("id",)),
    "user.sessions": (user_sessions, ("session_id", "part")),
    "errors.summary": (error_summary, ()), "errors.hours": (error_hours, ("time",)),
    "errors.types": (error_types, ("error_type",)),
    "errors.places": (error_places, ("event_type", "tool_name")),
    "errors.log": (lambda true: error_log(true, true.all), ("id",)),
}  # fmt: skip

#: Ranges that begin and end on the hour, in the middle of one, that are short enough for exact
#: answers or long, that cross New York's change of clocks (2025-11-02), and filters and zones.
ASKED = {
    "all of it, UTC": {"from_": "2025-10-23", "to": "2025-12-01T12:00", "tz": "UTC"},
    "Seoul": {"from_": "2025-11-10", "to": "2025-11-24", "tz": "Asia/Seoul"},
    "New York, clocks changed": {
        "from_": "2025-10-28", "to": "2025-11-04T09:30", "tz": "America/New_York",
    },
    "New York, after": {"from_": "2025-11-03", "to": "2025-11-20", "tz": "America/New_York"},
    "Kolkata, half an hour off": {
        "from_": "2025-11-05", "to": "2025-11-19", "tz": "Asia/Kolkata",
    },
    "Kathmandu, three quarters off": {
        "from_": "2025-11-05T10:21", "to": "2025-11-19", "tz": "Asia/Kathmandu",
    },
    "Lord Howe": {
        "from_": "2025-11-06", "to": "2025-11-18T17:00", "tz": "Australia/Lord_Howe",
    },
    "ragged ends": {
        "from_": "2025-11-12T07:41:13", "to": "2025-11-26T03:12:59", "tz": "Asia/Seoul",
    },
    "in the middle of sittings": {
        "from_": "2025-11-21T05:36", "to": "2025-11-21T06:10", "tz": "UTC",
    },
    "an afternoon": {"from_": "2025-11-18T13:10", "to": "2025-11-18T18:40", "tz": "Asia/Seoul"},
    "the MCP server": {"from_": "2025-11-01", "to": "2025-11-30", "tz": "UTC", "service": "mcp"},
    "the extension": {
        "from_": "2025-11-01", "to": "2025-11-30", "tz": "Asia/Seoul", "service": "extension",
    },
    "who pays": {"from_": "2025-11-01", "to": "2025-11-30", "tz": "Asia/Seoul", "tier": "paid"},
    "free, in the extension": {
        "from_": "2025-11-08", "to": "2025-11-29", "tz": "UTC", "service": "extension",
        "tier": "free",
    },
}  # fmt: skip


COMPARED = {
    "a week of Seoul": {"from_": "2025-11-17", "to": "2025-11-24", "tz": "Asia/Seoul"},
    "ragged ends": {
        "from_": "2025-11-19T07:41:13", "to": "2025-11-26T03:12:59", "tz": "Asia/Seoul",
    },
    "after the clocks changed": {
        "from_": "2025-11-03T09:00", "to": "2025-11-06T09:30", "tz": "America/New_York",
        "service": "mcp",
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def somebody(rows):
    """The user with the third most events."""
    counts = defaultdict(int)
    for row in rows[0]:
        counts[row["user_id_hash"]] += 1
    return sorted(counts, key=counts.get)[-3]


#: Pages of a group ask questions whose own tests take every cell: tests/query.
PANELS = {
    f"{page.id}.{panel.id}": panel
    for page in PAGES.values() if not page.group
    for panel in page.panels
}  # fmt: skip
OF_THE_LAST_DAY = [name for name, panel in PANELS.items() if panel.since]
BOTH_WAYS = [
    name for name, panel in PANELS.items() if catalogue()[panel.question].exact_sql is not None
]
CARDS = [name for name, panel in PANELS.items() if panel.draw == "cards" and not panel.since]


def test_no_panel_is_left_out():
    assert PANELS.keys() == EXPECTED.keys()


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in PANELS if name not in OF_THE_LAST_DAY])
@pytest.mark.parametrize("asked", ASKED)
def test_a_panel_says_what_the_rows_say(name, asked, ask, rows, somebody):
    compare(name, ask, rows, somebody, **ASKED[asked])


@pytest.mark.parametrize("name", BOTH_WAYS)
@pytest.mark.parametrize("asked", ASKED)
def test_roll_ups_say_it_too(  # noqa: PLR0917 - fixtures
    name, asked, ask, rows, somebody, monkeypatch
):
    """As where a range holds too many events to look at each."""
    monkeypatch.setattr(runner, "EXACT_EVENTS", 0)
    told = compare(name, ask, rows, somebody, **ASKED[asked])
    assert told["exact"] is False


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("asked", ["a week of Seoul", "ragged ends", "after the clocks changed"])
def test_a_card_is_compared_with_equal_weekdays(name, asked, ask, rows, somebody):
    page, panel = name.split(".")
    more = {"user": somebody} if page == "user" else {}
    told = ask(page, panel, compare="1", **COMPARED[asked], **more)
    (start, end), previous = (told["range"][end] for end in ("from", "to")), told["previous"]
    weeks = -(-(moment(end) - moment(start)) // (7 * DAY))
    for now, then in ((start, previous["from"]), (end, previous["to"])):
        apart = dt.datetime.fromisoformat(now[:19]) - dt.datetime.fromisoformat(then[:19])
        assert apart == dt.timedelta(weeks=weeks)  # of local time
    if not previous["rows"]:
        # Its own page says so; or the thirty days before it aren't all recorded.
        assert name == "overview.people" or page == "user"
        return
    # What it says of that period is what it would say if asked about it.
    earlier = {**COMPARED[asked], "from_": previous["from"], "to": previous["to"]}
    again = compare(name, ask, rows, somebody, **earlier)
    if again["exact"] == told["exact"]:
        assert previous["rows"] == again["rows"]
    counts = {each["name"] for each in told["columns"] if each["unit"] == "count"}
    assert all(previous["changes"][name]["test"] in {"poisson", None} for name in counts)


def test_nothing_is_compared_with_what_was_hardly_recorded(ask):
    asked = {"from_": "2025-10-29", "to": "2025-11-05", "tz": "UTC"}
    told = ask("overview", "totals", compare="1", **asked)
    assert told["previous"]["from"].startswith("2025-10-22")  # the first record is of the 23rd
    assert (told["previous"]["rows"], told["previous"]["changes"]) == ([], {})
    later = {**asked, "from_": "2025-10-31", "to": "2025-11-07"}
    assert ask("overview", "totals", compare="1", **later)["previous"]["rows"]


@pytest.mark.parametrize("one_alone", [False, True])
def test_percentiles_of_events_are_compared_with_such(ask, rows, monkeypatch, one_alone):
    """And those of histograms with those of histograms, whatever one range alone has."""
    asked = {"from_": "2025-11-24T09:00", "to": "2025-11-30T13:00", "tz": "UTC"}
    earlier = {"from_": "2025-11-17T09:00", "to": "2025-11-23T13:00", "tz": "UTC"}
    stored = []
    for each in (asked, earlier):
        range_ = Truth(rows, ask("overview", "totals", **each))
        stored.append(len(range_.events(range_.everything)))
    monkeypatch.setattr(runner, "EXACT_EVENTS", min(stored) if one_alone else max(stored))
    alone = [ask("overview", "totals", **each)["exact"] for each in (asked, earlier)]
    assert sum(alone) == (1 if one_alone else 2)
    told = ask("overview", "totals", compare="1", **asked)
    assert told["exact"] is all(alone)
    monkeypatch.setattr(runner, "EXACT_EVENTS", 10**6 if told["exact"] else -1)
    again = ask("overview", "totals", **earlier)
    assert told["previous"]["rows"] == again["rows"]
    assert told["rows"] == ask("overview", "totals", **asked)["rows"]


def test_where_clocks_change_each_moment_has_its_own_offset(ask):
    told = ask("overview", "dau", **ASKED["New York, clocks changed"])
    assert told["range"]["time_zone"] == "America/New_York"
    assert told["range"]["from"].endswith("-04:00")
    assert told["range"]["to"].endswith("-05:00")


@pytest.mark.parametrize("name", OF_THE_LAST_DAY)
@pytest.mark.parametrize("tz", ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("service", [None, "mcp"])
def test_a_panel_of_the_last_day_says_what_the_rows_say(name, tz, service, ask_now, rows_of_now):
    compare(name, ask_now, rows_of_now, "", tz=tz, service=service)


def compare(name, ask, rows, somebody, **asked):
    page, panel = name.split(".")
    more = {"user": somebody} if page == "user" else {}
    told = ask(page, panel, **asked, **more)
    true = Truth(rows, told, service=asked.get("service"), tier=asked.get("tier"))
    true.user = somebody
    expected, keys = EXPECTED[name]
    units = {column["name"]: column["unit"] for column in told["columns"]}
    got = [
        {
            key: told_value(value, units[key], key in keys)
            for key, value in zip(units, row, strict=True)
        }
        for row in told["rows"]
    ]
    want = expected(true)
    limit = next(each for each in PAGES[page].panels if each.id == panel).limit
    if told["truncated"]:
        assert len(got) == limit
    by_key = {tuple(row[key] for key in keys): row for row in want}
    assert len(by_key) == len(want)
    if not told["truncated"]:
        assert {tuple(row[key] for key in keys) for row in got} == by_key.keys()
    for row in got:
        same(row, by_key[tuple(row[key] for key in keys)], units, exact=told["exact"])
    return told


def told_value(value, unit, is_key):
    if unit == "unix_ns" and value is not None:
        at = moment(value)
        return at if is_key else at // 10**6
    return value


def same(got, want, units, *, exact):
    assert got.keys() == want.keys()
    for name, value in got.items():
        where = f"{name}: {got} is not {want}"
        expected = want[name]
        if expected is None or isinstance(expected, str) or value is None:
            assert value == expected, where
        elif name.startswith("p") and name.endswith("_ms") and not exact:
            assert value == pytest.approx(expected, rel=BUCKET), where
        elif units[name] in {"ms", "ratio"}:
            assert value == pytest.approx(expected, rel=1e-6, abs=2e-3), where
        else:
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-9), where


def test_the_sample_has_what_makes_it_hard(rows):
    everything, _ = rows
    assert any(row["weight"] > 1 for row in everything)
    assert any(row["event_type"] == "span" for row in everything)
    assert {row["result"] for row in everything} > set(FAILED)
