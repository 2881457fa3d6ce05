"""What is left after an erasure is what a store holds that never had the user."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import subprocess
import sys
from collections import Counter

import apsw
import pytest
from store_kit import CONTEXT, DAY, HOUR, MONDAY, SERIES, SESSION, count, ledger, record, rows

from cortex_otel import cli
from cortex_otel import semconv as sc
from cortex_otel.identity import IdentityResolver
from cortex_otel.operate import erasure
from cortex_otel.operate.hash_search import search
from cortex_otel.process.measures import measures_of
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.expiry import EVENTS, Pace, delete_some
from cortex_otel_exporters.sqlite.files import open_for_writing

USERS = [f"{number:02x}" * 32 for number in range(1, 7)]


def records(seed=5, many=600):
    choose = random.Random(seed)
    made = []
    for number in range(many):
        user = choose.choice([*USERS, ""])
        data = {"number": number}
        if choose.random() < 0.3:
            data |= {sc.CORTEX_COMPRESS_TOKENS_BEFORE: choose.randrange(1000)}
            data |= {sc.CORTEX_COMPRESS_TOKENS_AFTER: choose.choice((7, "many"))}
        name = choose.choice(("search", "write"))
        event_type = choose.choice(("mcp.tool_call", "ext.install", "span"))
        weight = choose.choice((1.0, 1.0, 10.0, 10 / 3))
        made.append(
            record(
                number,
                time_unix_nano=MONDAY + choose.randrange(20 * DAY),
                duration_nano=choose.choice((None, 500, 1_500, choose.randrange(10**9))),
                series=SERIES._replace(
                    event_type=event_type,
                    tool_name=name,
                    feature=name,
                    user_tier=choose.choice(("free", "paid")),
                    result=choose.choice(("success", "error")),
                ),
                session=SESSION._replace(session_id=f"of-{user[:2]}-{choose.randrange(3)}"),
                user_id_hash=user,
                weight=weight,
                event_data=data,
                measures=measures_of(data) if event_type != "span" else (),
            )
        )
    return made


def tables(path):
    """Everything that is stored, by names in place of keys."""
    found = {}
    names = ("service", "event_type", "tool_name", "feature", "user_tier", "result")
    texts = " || '|' || ".join(f"s.{name}" for name in names)
    feature = "f.service || '|' || f.event_type || '|' || f.feature"
    segment = "g.service || '|' || g.user_tier"
    queries = {
        "hours": f"SELECT hour, {texts}, stored, events, timed, duration_us"
        " FROM rollup_hour JOIN series s USING (series_key)",
        "days": f"SELECT day, {texts}, stored, events, timed, duration_us"
        " FROM rollup_day JOIN series s USING (series_key)",
        "measures": f"SELECT hour, {feature}, {segment}, measure, events, total FROM rollup_measure"
        " JOIN features f USING (feature_key) JOIN segments g USING (segment_key)",
        "sessions": "SELECT session_id, user_id_hash, user_tier, start_time, end_time, event_count,"
        " error_count, part FROM telemetry_user_sessions",
        "events": "SELECT timestamp, event_type, user_id_hash, session_id, event_data, weight"
        " FROM telemetry_events",
        "user_days": f"SELECT day, user_id_hash, {segment}, events, errors, first_time, last_time,"
        " half_hours FROM rollup_user_day JOIN users USING (user_key)"
        " JOIN segments g USING (segment_key)",
        "tiers": "SELECT user_id_hash, user_tier, t.first_seen, last_seen FROM user_tiers t"
        " JOIN users USING (user_key)",
        "used": f"SELECT user_id_hash, {feature}, {segment}, block, events, days"
        " FROM rollup_user_feature_days JOIN users USING (user_key)"
        " JOIN features f USING (feature_key) JOIN segments g USING (segment_key)",
        "first used": f"SELECT user_id_hash, {feature}, {segment}, first_day, last_day"
        " FROM rollup_user_feature JOIN users USING (user_key)"
        " JOIN features f USING (feature_key) JOIN segments g USING (segment_key)",
        "asides": f"SELECT day, user_id_hash, {segment}, half_hours, unrated, unrated_errors"
        " FROM rollup_user_aside JOIN users USING (user_key)"
        " JOIN segments g USING (segment_key)",
        "users": "SELECT user_id_hash, first_seen, first_active FROM users"
        " WHERE user_id_hash NOT GLOB 'erased-*'",
        "half hours": "SELECT session_id, half_hour, h.first_time, h.end_time, h.events, h.errors,"
        " last_time, user_time, user_id_hash FROM session_half_hours h"
        " JOIN sessions USING (session_key) LEFT JOIN users u ON u.user_key = h.user_key",
        "metrics": "SELECT metric_name, timestamp FROM telemetry_metrics WHERE metric_name <> ''",
    }
    for unit in ("hour", "day", "week"):
        queries[f"{unit} durations"] = (
            f"SELECT {unit}, {feature}, {segment}, bucket, events FROM rollup_{unit}_duration"
            " JOIN features f USING (feature_key) JOIN segments g USING (segment_key)"
        )
    for name, sql in queries.items():
        found[name] = sorted(
            tuple(round(value, 6) if isinstance(value, float) else value for value in row)
            for row in rows(path, sql)
        )
    return found


def settings_of(home, **changes):
    return read_environment({}, overrides={"home": str(home), **changes})


def written(make_writer, path, some):
    writer = make_writer(path)
    for each in some:
        writer.submit(each)
    assert writer.shutdown()


@pytest.mark.parametrize("user", [USERS[0], USERS[-1]])  # the first key, and the last one
def test_what_is_left_is_what_a_store_holds_that_never_had_the_user(make_writer, tmp_path, user):
    everything = records()
    home, other = tmp_path / "home", tmp_path / "other"
    written(make_writer, home / "cortex.db", everything)
    written(make_writer, other / "cortex.db", [e for e in everything if e.user_id_hash != user])
    theirs = [each for each in everything if each.user_id_hash == user]
    assert tables(home / "cortex.db") != tables(other / "cortex.db")

    done = erasure.erase_users(settings_of(home), (user,))

    assert (done.before["events"], done.before["users"]) == (len(theirs), 1)
    assert not any(done.after.values())
    assert (done.places, done.is_in_sums) == ([], False)
    left, wanted = tables(home / "cortex.db"), tables(other / "cortex.db")
    for name, of in wanted.items():
        assert left[name] == of, name
    assert ledger(home / "cortex.db")["expired|erased"] == len(theirs)


_LATE = f"{99:02x}" * 32
_MINUTE = HOUR // 60


@pytest.mark.parametrize(
    "after_monday",
    [
        10 * DAY,
        10 * DAY + 5 * HOUR,  # a day of New York
        9 * DAY + 18 * HOUR + 30 * _MINUTE,  # one of India
        11 * DAY + 7 * HOUR + 47 * _MINUTE,
        19 * DAY + 20 * HOUR,
        40 * DAY,  # all of it
    ],
)
def test_what_is_left_is_what_a_store_holds_that_never_had_what_lay_before(
    make_writer, tmp_path, after_monday
):
    before = MONDAY + after_monday
    gone = [  # the last key, too
        record(9000 + n, user_id_hash=_LATE, time_unix_nano=MONDAY + n * HOUR) for n in range(3)
    ]
    everything = [*records(many=900), *gone]
    home, other = tmp_path / "home", tmp_path / "other"
    written(make_writer, home / "cortex.db", everything)
    kept = [each for each in everything if each.time_unix_nano >= before]
    written(make_writer, other / "cortex.db", kept)
    found = tables(home / "cortex.db")
    # A store that nothing was written to isn't there.
    wanted = tables(other / "cortex.db") if kept else {name: [] for name in found}
    assert found != wanted

    done = erasure.erase_before(settings_of(home), before, "2026-01-15")

    assert not done.is_in_sums
    users = {each.user_id_hash for each in kept if each.user_id_hash}
    assert (done.after["events"], done.after["users"]) == (len(kept), len(users))
    left = tables(home / "cortex.db")
    for name, of in wanted.items():
        assert left[name] == of, name
    assert not search(settings_of(home), (_LATE,)).places


def test_what_lay_before_goes_though_retention_had_deleted_the_events(make_writer, home, path):
    border = MONDAY + 2 * DAY + 5 * HOUR
    times = {
        "early": [MONDAY],
        "both": [border - HOUR, border - 2 * DAY, border + HOUR, border + 2 * HOUR],
        "late": [MONDAY + 30 * DAY],
    }
    hashes = {name: f"{number:02x}" * 32 for number, name in enumerate(times)}
    written(
        make_writer,
        path,
        [
            record(n, user_id_hash=hashes[name], time_unix_nano=at)
            for name, of in times.items()
            for n, at in enumerate(of)
        ],
    )
    with contextlib.closing(open_for_writing(path)) as connection:
        delete_some(connection, EVENTS, MONDAY + 20 * DAY, "age", Pace(1))
    done = erasure.erase_before(settings_of(home), border, "2026-01-07")
    assert done.is_in_sums
    left = tables(path)
    assert {user for user, *_ in left["users"]} == {hashes["both"], hashes["late"]}
    # What is left of the day are two of its three half hours with use, and as much of its counts.
    days = [row for row in left["user_days"] if row[1] == hashes["both"]]
    assert [(row[0], row[3], row[5]) for row in days] == [(border // DAY, 2, border + HOUR)]
    assert [row[2:] for row in left["tiers"]] == [
        (border + HOUR, border + 2 * HOUR),
        (MONDAY + 30 * DAY,) * 2,
    ]
    used = [row for row in left["first used"] if row[0] == hashes["both"]]
    assert [row[3:] for row in used] == [(border // DAY,) * 2]
    assert sum(row[2] for row in left["days"]) == 3


def test_nothing_that_the_client_sent_of_them_is_in_any_file(make_writer, home, path):
    user = USERS[2]
    secret = "canary-session-7f3a"
    mine = [
        record(
            number,
            user_id_hash=user,
            session=SESSION._replace(session_id=secret),
            context=CONTEXT._replace(
                project_id="canary-project", attributes='{"k": "canary-value"}'
            ),
            error_message="canary-message",
        )
        for number in range(50)
    ]
    written(make_writer, path, [*records(many=300), *mine])
    assert len(search(settings_of(home), (user,)).places) == 1
    done = erasure.erase_users(settings_of(home), (user,))
    assert done.places == []
    for file in home.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file


def test_a_session_of_several_users_keeps_the_others(make_writer, home, path):
    both = [
        record(n, time_unix_nano=MONDAY + n * HOUR, user_id_hash=USERS[n % 2]) for n in range(8)
    ]
    written(make_writer, path, both)
    erasure.erase_users(settings_of(home), (USERS[0],))
    found = rows(path, "SELECT user_id_hash, event_count FROM telemetry_user_sessions")
    assert found == [(USERS[1], 1)] * 4
    assert count(path) == 4


def test_who_writes_meanwhile_goes_on(make_writer, home, path):
    writer = make_writer()
    for number in range(20):
        writer.submit(record(number, user_id_hash=USERS[number % 2]))
    assert writer.force_flush()
    done = erasure.erase_users(settings_of(home), (USERS[1],))  # the last key that was given
    assert done.places == []
    for number in range(20, 30):
        writer.submit(record(number, user_id_hash=USERS[number % 3]))
    assert writer.shutdown()
    found = Counter(user for (user,) in rows(path, "SELECT user_id_hash FROM telemetry_events"))
    again = Counter(USERS[number % 3] for number in range(20, 30))
    assert found == again + Counter({USERS[0]: 10})
    parts = rows(path, "SELECT sum(event_count) FROM telemetry_user_sessions")
    assert parts == [(20,)]


def test_their_lines_in_log_files_go(make_writer, home, path):
    written(make_writer, path, [record(1)])
    logs = home / "logs"
    logs.mkdir()
    lines = [json.dumps({"user_id_hash": user, "n": n}) for n, user in enumerate(USERS * 3)]
    text = "".join(f"{line}\n" for line in lines)
    (logs / "cortex-2026-01-05.001.jsonl").write_text(text + '{"half')
    (logs / "cortex-2026-01-04.001.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (logs / "notes.txt").write_text(text)  # not ours: it is told, and left
    done = erasure.erase_users(settings_of(home), (USERS[3],))
    kept = [line for line in lines if USERS[3] not in line]
    assert (logs / "cortex-2026-01-05.001.jsonl").read_text().splitlines() == kept
    packed = gzip.decompress((logs / "cortex-2026-01-04.001.jsonl.gz").read_bytes())
    assert packed.decode().splitlines() == kept
    assert (done.before["log_lines"], done.after["log_lines"]) == (6, 0)
    assert done.places == [logs / "notes.txt"]
    assert {oct(file.stat().st_mode & 0o777) for file in logs.glob("cortex-*")} == {"0o600"}


@pytest.fixture
def run(home, capsys, monkeypatch):
    def run_command(*arguments):
        code = cli.main([*arguments, "--home", str(home)])
        return code, *capsys.readouterr()

    monkeypatch.delenv("CORTEX_OTEL_USER_HASH_KEY", raising=False)
    return run_command


def test_the_command_finds_a_user_by_id_by_hash_and_by_digits(make_writer, home, path, run):
    of = {
        name: IdentityResolver(settings_of(home)).hash_user(name) for name in ("ann", "bob", "eve")
    }
    written(make_writer, path, [record(n, user_id_hash=each) for n, each in enumerate(of.values())])
    before = count(path)
    code, out, _ = run("erase", "--user", "ann", "--dry-run")
    assert (code, count(path)) == (0, before)
    assert "Events: 1" in out
    assert run("erase", "--user", "nobody", "--yes")[0] == 1
    code, _, problem = run("erase", "--user", "ann")
    assert (code, "--yes" in problem, count(path)) == (2, True, before)
    for shown in ("ann", of["bob"], of["eve"][:8]):
        code, out, problem = run("erase", "--user", shown, "--yes")
        assert (code, problem) == (0, "")
        assert "No file holds the hash any more" in out
    assert count(path) == 0


def test_what_was_recorded_with_an_older_key_is_found_with_it(
    make_writer, home, path, run, tmp_path
):
    old = [tmp_path / "first.key", tmp_path / "second.key"]
    assert run("rotate-key", "--forget-old")[0] == 0
    for kept in old:
        of = IdentityResolver(settings_of(home)).hash_user("zed")
        written(make_writer, path, [record(1, user_id_hash=of)])
        assert run("rotate-key", "--keep-old", str(kept))[0] == 0
    code, _, problem = run("erase", "--user", "zed", "--yes")
    assert (code, "--key-file" in problem, count(path)) == (1, True, 2)
    keys = [each for file in old for each in ("--key-file", str(file))]
    (tmp_path / "empty").write_text("\n")
    for wrong in (tmp_path / "none", tmp_path / "empty"):
        code, _, problem = run("erase", "--user", "zed", "--key-file", str(wrong), "--yes")
        assert (code, problem.count("\n"), count(path)) == (2, 1, 2)
    code, out, _ = run("erase", "--user", "zed", *keys, "--yes")
    assert (code, count(path)) == (0, 0)
    assert "No file holds the hash any more" in out
    assert run("erase", "--all", *keys, "--yes")[0] == 2


def test_a_disk_too_full_to_give_room_back_erases_all_the_same(
    make_writer, home, path, run, monkeypatch
):
    written(make_writer, path, records(many=200))

    def no_room(*_arguments):
        raise apsw.FullError

    monkeypatch.setattr("cortex_otel_exporters.sqlite.space.give_back", no_room)
    code, _, problem = run("erase", "--user", USERS[0], "--yes")
    assert (code, problem) == (0, "")
    code, _, problem = run("erase", "--before", "2026-01-15", "--yes")
    assert (code, problem) == (0, "")
    assert rows(path, "SELECT count(*) FROM events WHERE time < ?", MONDAY + 10 * DAY) == [(0,)]


@pytest.mark.system
def test_nobody_reads_any_more(make_writer, home, path):
    """As in ``erase … | head -0``: no word, the exit code of SIGPIPE, and it is erased."""
    written(make_writer, path, [record(1, user_id_hash=USERS[0])])
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-u", "-m", "cortex_otel.cli"]
    asked = ["query", "events", "--since", "all"]
    for arguments in (["status"], ["query"], asked, ["erase", "--user", USERS[0]]):
        more = ["--yes"] if arguments[0] == "erase" else []
        ended = subprocess.run(
            [*command, *arguments, *more, "--home", str(home)],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (141, b""), arguments
    os.close(writing)
    assert count(path) == 0


def test_digits_of_several_users_are_refused(make_writer, path, run):
    same = ["ab" * 4 + end * 28 for end in ("00", "11")]
    written(make_writer, path, [record(n, user_id_hash=each) for n, each in enumerate(same)])
    code, _, problem = run("erase", "--user", "abababab", "--yes")
    assert (code, "2 hashes" in problem, count(path)) == (2, True, 2)


def test_a_day_and_everything_before_it(make_writer, home, path, run):
    written(make_writer, path, records())
    (home / "logs").mkdir()
    for day in ("2026-01-14", "2026-01-15"):
        (home / "logs" / f"cortex-{day}.001.jsonl").write_text("{}\n")
    code, out, _ = run("erase", "--before", "2026-01-15", "--yes", "--json")
    assert code == 0
    border = MONDAY + 10 * DAY
    assert json.loads(out)["before"]["events"] == 600
    left = [each for each in records() if each.time_unix_nano >= border]
    assert count(path) == len(left) == json.loads(out)["after"]["events"]
    assert rows(path, "SELECT min(day) FROM rollup_user_day") == [(border // DAY,)]
    assert [file.name for file in (home / "logs").iterdir()] == ["cortex-2026-01-15.001.jsonl"]
    code, _, problem = run("erase", "--before", "2999-01-01", "--yes")
    assert (code, "future" in problem) == (2, True)


def test_everything(make_writer, home, path, run):
    writer = make_writer()
    writer.submit(record(1))
    assert writer.force_flush()
    (home / "funnels.toml").write_text("# mine\n")
    code, _, _ = run("erase", "--all", "--yes")
    assert (code, path.exists()) == (0, False)
    assert (home / "funnels.toml").exists()
    writer.submit(record(2))  # a server that runs goes on in a new database
    assert writer.shutdown()
    assert count(path) == 1


def test_a_killed_erasure_is_gone_on_with(make_writer, home, path, monkeypatch):
    written(make_writer, path, records())

    class PowerCut(BaseException):
        pass

    def cut(*_arguments):
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("cortex_otel_exporters.sqlite.erasure._erase_sessions", cut)
        with pytest.raises(PowerCut):
            erasure.erase_users(settings_of(home), (USERS[0],))
    assert erasure.erase_users(settings_of(home), (USERS[0],)).places == []
    assert not any(erasure.stored(settings_of(home), (USERS[0],)).values())
    written(make_writer, home.parent / "o" / "cortex.db",
            [each for each in records() if each.user_id_hash != USERS[0]])  # fmt: skip
    assert tables(path) == tables(home.parent / "o" / "cortex.db")
