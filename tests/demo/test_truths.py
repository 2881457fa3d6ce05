"""What is planted in the demo's users is in its data, and the product's questions find it.

One database of the demo's own size: an experiment needs thousands of users. The first half counts
in plain Python, so that a question that finds nothing can be told from data that has nothing.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict

import apsw
import pytest

from cortex_otel.demo import serving
from cortex_otel.demo.synthetic_data import fill
from cortex_otel.demo.truths import TRUTHS
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel.semconv import PAYING_TIERS
from cortex_otel_exporters.sqlite.reader import open_reader

#: 2026-11-25T16:20:00Z, as in the other test of the data.
NOW_NS = 1_795_623_600 * 10**9
DAY_NS = 86_400 * 10**9
NOT_USE = {"ext.install", "ext.error", "feature_flag.evaluation", "span"}

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("truths") / "cortex.db"
    fill(
        path,
        days=serving.DAYS,
        users=serving.USERS,
        visitors=serving.VISITORS,
        seed=serving.SEED,
        now_ns=NOW_NS,
    )
    return path


@pytest.fixture(scope="module")
def users(database):
    """Rows by user, in the order of time."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    cursor = connection.execute(
        "SELECT timestamp, event_type, tool_name, user_tier, user_id_hash, session_id, result,"
        " error_message, iif(event_type = 'feature_flag.evaluation', event_data, '') AS event_data"
        " FROM telemetry_events ORDER BY timestamp, id"
    )
    names = [column[0] for column in cursor.get_description()]
    found = defaultdict(list)
    for row in cursor:
        each = dict(zip(names, row, strict=True))
        found[each["user_id_hash"]].append(each)
    connection.close()
    return found


def uses(rows):
    return [row for row in rows if row["event_type"] not in NOT_USE]


def stays(rows):
    """Whether they came back in the third to fifth week; ``None`` if that isn't over."""
    first = rows[0]["timestamp"]
    if first + 35 * DAY_NS > NOW_NS:
        return None
    return any(first + 14 * DAY_NS <= row["timestamp"] < first + 35 * DAY_NS for row in uses(rows))


def pays(rows, since=None):
    """Whether they paid within thirty days; ``None`` if they paid at once, or those aren't over."""
    first = rows[0]["timestamp"] if since is None else since
    paid = [row["timestamp"] for row in rows if row["user_tier"] in PAYING_TIERS]
    if first + 30 * DAY_NS > NOW_NS or (paid and paid[0] <= first):
        return None
    return bool(paid) and paid[0] <= first + 30 * DAY_NS


def rate(answers):
    answers = [each for each in answers if each is not None]
    assert len(answers) > 30
    return sum(answers) / len(answers)


def met(rows):
    text = f"{TRUTHS.costly_error} at {TRUTHS.costly_tool}:"
    return [row for row in rows if (row["error_message"] or "").startswith(text)]


def first_week(rows):
    return [row for row in uses(rows) if row["timestamp"] < rows[0]["timestamp"] + 7 * DAY_NS]


def test_who_uses_the_retaining_tool_stays(users):
    worked = [rows for rows in users.values() if uses(rows)]
    tools = {row["tool_name"] for rows in worked for row in uses(rows)} - {None}
    lifts = {}
    for tool in tools:
        used = {
            id(rows): any(row["tool_name"] == tool for row in first_week(rows)) for rows in worked
        }
        have = [stays(rows) for rows in worked if used[id(rows)]]
        lifts[tool] = rate(have) / rate([stays(rows) for rows in worked if not used[id(rows)]])
    first, second = sorted(lifts, key=lifts.get, reverse=True)[:2]
    assert first == TRUTHS.retaining_tool
    assert lifts[first] > 1.5
    assert lifts[first] > 1.2 * lifts[second]


def test_who_meets_the_costly_error_stays_less_and_pays_less(users):
    worked = [rows for rows in users.values() if uses(rows)]
    # In each class of activity, so that it isn't activity that makes the difference.
    classes = defaultdict(lambda: ([], []))
    for rows in worked:
        count = len(first_week(rows))
        classes[count > 20][bool(met(rows))].append(rows)
    for without, with_it in classes.values():
        assert rate(map(pays, with_it)) < 0.7 * rate(map(pays, without))
        assert rate(map(stays, with_it)) < 0.85 * rate(map(stays, without))


def test_the_costly_error_is_of_the_first_session_alone(users):
    hit = [rows for rows in users.values() if met(rows)]
    assert len(hit) > 100
    for rows in hit:
        assert met(rows)[-1]["timestamp"] < rows[0]["timestamp"] + DAY_NS


def conversions(users, flag):
    """Whether they came to pay, by the variant of the flag that they saw alone."""
    found = defaultdict(list)
    for rows in users.values():
        seen = [
            (told["feature_flag.result.variant"], row["timestamp"])
            for row in rows
            if row["event_data"]
            and (told := json.loads(row["event_data"]))["feature_flag.key"] == flag
        ]
        if len({variant for variant, _ in seen}) == 1:
            found[seen[0][0]].append(pays(rows, seen[0][1]))
        elif seen:
            found["both"].append(None)
    return found


def test_one_experiment_wins_and_the_other_makes_no_difference(users):
    found = conversions(users, TRUTHS.winning_flag)
    assert rate(found[TRUTHS.winning_variant]) > 2 * rate(found["control"])
    found = conversions(users, TRUTHS.neutral_flag)
    assert rate(found["treatment"]) == pytest.approx(rate(found["control"]), abs=0.01)
    assert len(found["both"]) > 2


def test_most_sessions_with_tools_begin_with_the_typical_path(users):
    sessions = defaultdict(list)
    for row in itertools.chain.from_iterable(users.values()):
        if row["event_type"] == "mcp.tool_call" and row["result"] == "success":
            sessions[row["session_id"]].append(row["tool_name"])
    begin = [tuple(tools[:2]) for tools in sessions.values() if len(tools) > 1]
    assert sum(each == TRUTHS.typical_path[:2] for each in begin) > 0.4 * len(begin)
    after = [
        tools[place + 1]
        for tools in sessions.values()
        for place, tool in enumerate(tools[:-1])
        if tool == "compress_context"
    ]
    assert sum(tool in {"search_context", "read_memory"} for tool in after) > 0.3 * len(after)


def test_some_go_back_to_free_and_some_are_silent_and_some_return(users):
    downgrades = silent = returned = 0
    last_week = NOW_NS // DAY_NS // 7
    for rows in users.values():
        tiers = [tier for tier, _ in itertools.groupby(row["user_tier"] for row in rows)]
        downgrades += ("paid", "free") in itertools.pairwise(tiers)
        weeks = sorted({row["timestamp"] // DAY_NS // 7 for row in uses(rows)})
        returned += any(later - week > 3 for week, later in itertools.pairwise(weeks))
        silent += len(weeks) > 4 and weeks[-1] < last_week - 1 and weeks[-1] - weeks[-4] == 3
    assert downgrades > 10
    assert returned > 20
    assert silent > 5


# --- what the product says of it --------------------------------------------------------------


@pytest.fixture(scope="module")
def ask(database):
    connection = open_reader(database)
    bounds = {"from_ns": NOW_NS - serving.DAYS * DAY_NS, "to_ns": NOW_NS}

    def answer(question, **parameters):
        found = run(connection, catalogue()[question], bounds | parameters, time_limit_ms=60_000)
        return found.records()

    yield answer
    connection.close()


def test_the_retaining_feature_ranks_first(ask):
    first, *others = ask("first_week_features")
    assert first["feature"] == f"mcp.tool_call:{TRUTHS.retaining_tool}"
    assert first["low"] > 1
    assert all(first["low"] > (other["low"] or 0) for other in others)


def test_the_costly_error_ranks_first(ask):
    first, second, *_ = ask("costly_errors")
    assert (first["error_type"], first["tool_name"]) == (TRUTHS.costly_error, TRUTHS.costly_tool)
    assert first["low"] > 1
    assert first["users_lost"] > 2 * second["users_lost"]


def test_failures_in_the_first_days_go_with_fewer_conversions(ask):
    rows = {(row["problem"], row["outcome"]): row for row in ask("reliability_conversion")}
    found = rows["failure", "conversion"]
    assert found["verdict"] == "less_often"
    assert found["high"] < 1
    # Heavier users fail more and pay more: a comparison without strata says the contrary.
    assert found["rate_with"] > found["rate_without"]
    assert rows["slow", "conversion"]["verdict"] == "no_difference"


def test_the_experiments_have_their_verdicts(ask):
    verdicts = {row["flag"]: row for row in ask("experiments")}
    assert verdicts.keys() == {TRUTHS.winning_flag, TRUTHS.neutral_flag}
    won, even = verdicts[TRUTHS.winning_flag], verdicts[TRUTHS.neutral_flag]
    assert (won["verdict"], won["winner"]) == ("better", TRUTHS.winning_variant)
    assert won["difference_low"] > 0
    assert (even["verdict"], even["winner"]) == ("no_difference", None)
    assert won["two_arm_users"] > 0


def test_no_false_alarm_of_the_sample_ratio(ask):
    rows = ask("experiment_checks")
    assert {row["variant"] for row in rows} == set(TRUTHS.variants)
    assert not any(row["is_mismatch"] for row in rows)


def test_users_return_fall_silent_and_go_back_to_free(ask):
    weeks = [row for row in ask("lifecycle") if not row["partial"]]
    assert sum(row["resurrected_users"] for row in weeks) > 100
    assert all(row["dormant_users"] for row in weeks[1:])
    assert len(ask("users_at_risk")) > 10
    downgrades = ask("tier_downgrades")
    assert len(downgrades) > 10
    assert any(row["paid_again"] for row in downgrades)


def test_what_was_compressed_is_fetched_again_and_searches_are_checked(ask):
    days = ask("net_savings")
    again = sum(row["fetched_again"] for row in days) / sum(row["compressions"] for row in days)
    assert TRUTHS.fetched_again < again < 1
    assert all(0.7 < row["recall"] <= 1 for row in ask("recall_per_day"))
