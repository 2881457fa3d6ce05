"""``cortex-otel query NAME``: what a question declares is an option, and says what it means."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from cortex_otel.cli import main
from cortex_otel.commands.question_options import asked_question, option_of
from cortex_otel.demo.synthetic_data import fill
from cortex_otel.query.catalogue import catalogue

NOW_NS = 1_795_623_600 * 10**9
SINCE = ("--since", "2026-11-10", "--until", "2026-11-26", "--tz", "Asia/Seoul")
STEPS = ("--step", "mcp.tool_call:search_context", "--step", "mcp.tool_call:read_memory")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("options")
    fill(home / "cortex.db", days=16, users=30, seed=5, now_ns=NOW_NS)
    return home


@pytest.fixture(autouse=True)
def environment(monkeypatch, home):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(home))
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    monkeypatch.setenv("COLUMNS", "400")


def said(capsys, *arguments):
    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    return code, *capsys.readouterr()


def rows(capsys, *arguments):
    code, out, err = said(capsys, *arguments, "--format", "csv")
    assert (code, err) == (0, "")
    return list(csv.DictReader(io.StringIO(out.lstrip("\ufeff"))))


@pytest.mark.parametrize("name", sorted(catalogue()))
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_help_of_a_question_lists_its_own_options(capsys, monkeypatch, name, lang):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    code, out, err = said(capsys, "query", name, "--help")
    assert (code, err) == (0, "")
    words = "".join(out.split())
    for parameter in catalogue()[name].settable:
        assert f"{option_of(parameter)}" in out
        assert "".join(parameter.meaning_in(lang).split()) in words
    assert ("--saved" in out) == catalogue()[name].accepts("steps")
    assert ("--step " in out) == catalogue()[name].accepts("steps")


def test_no_option_of_a_question_is_one_of_all_questions():
    common = {"--home", "--help", "--since", "--until", "--tz", "--service", "--tier", "--format",
              "--limit", "--set", "--show", "--saved"}  # fmt: skip
    for question in catalogue().values():
        own = [option_of(parameter) for parameter in question.settable]
        assert len(set(own)) == len(own)
        assert common.isdisjoint(own)


def test_options_are_what_set_says_with_the_names_of_the_parameters(capsys):
    asked = rows(capsys, "query", "funnel", *STEPS, "--within", "2h", "--by", "tier", *SINCE)
    steps = json.dumps(list(STEPS[1::2]))
    same = rows(capsys, "query", "funnel", "--set", f"steps={steps}", "--set", "within_s=7200",
                "--set", "breakdown=tier", *SINCE)  # fmt: skip
    assert asked == same
    assert len({row["breakdown"] for row in asked}) > 1
    assert {row["name"] for row in asked} == set(STEPS[1::2])
    joined = " > ".join(STEPS[1::2])
    assert rows(capsys, "query", "funnel", "--step", joined, "--within", "7200s", "--by", "tier",
                *SINCE) == asked  # fmt: skip


def test_numbers_and_texts(capsys):
    few, many = (
        rows(capsys, "query", "conversion", "--window-days", days, *SINCE) for days in "19"
    )
    assert sum(int(row["pending_users"]) for row in few) < sum(
        int(row["pending_users"]) for row in many
    )
    (one,) = rows(capsys, "query", "experiments", "--flag", "memory-tree", *SINCE)
    assert one["flag"] == "memory-tree"


def test_a_saved_funnel_and_what_is_given_beside_it(capsys, home):
    (home / "funnels.toml").write_text(
        '["Search to read"]\n'
        'steps = ["mcp.tool_call:search_context", "mcp.tool_call:read_memory"]\n'
        'within = "2h"\nbreakdown = "tier"\n',
        encoding="utf-8",
    )
    saved = ("query", "funnel", "--saved", "Search to read")
    asked = rows(capsys, "query", "funnel", *STEPS, "--within", "2h", "--by", "tier", *SINCE)
    assert rows(capsys, *saved, *SINCE) == asked
    whole = rows(capsys, *saved, "--by", "", *SINCE)
    assert {row["breakdown"] for row in whole} == {""}
    # A question without a breakdown takes the rest of it.
    times = rows(capsys, "query", "funnel_times", "--saved", "Search to read", *SINCE)
    assert sum(int(row["users"]) for row in times) == int(whole[-1]["users"])

    code, out, err = said(capsys, *saved[:-1], "Search", *SINCE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no funnel 'Search' in" in err
    assert "Search to read" in err


def test_a_broken_file_of_funnels_says_where(capsys, home):
    (home / "funnels.toml").write_text('["a"]\nsteps = ["x"\n', encoding="utf-8")
    code, out, err = said(capsys, "query", "funnel", "--saved", "a")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "funnels.toml, line" in err
    (home / "funnels.toml").unlink()
    assert said(capsys, "query", "funnel", "--saved", "a")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ledger", "--step", "x"], "ledger has no option --step; its own: none"),
        (["conversion", "--by", "tier"], "its own: --from-tier, --window-days"),
        (["funnel", "--within", "3x"], "'3x' isn't a time span"),
        (["funnel", "--within", "0s"], "isn't a window"),
        (["funnel", "--step", "Not A Step"], "isn't a step"),
        (["funnel", "--step", "tier:gold"], "isn't a tier"),
        (["funnel", "--step", "tier:paid", "--step", "tier:free"], "can't follow"),
        (["funnel", "--step", ""], "a funnel needs steps"),
        (["funnel", "--order", "sideways"], "use ordered, any, strict"),
        (["funnel", "--by", "variant:nobody-saw-it"], "no evaluation of the flag"),
        (["conversion", "--window-days", "x"], "'x' isn't a number"),
        (["conversion", "--window-days", str(1 << 70)], "isn't a number"),
        (["experiments", "--planned-to", "nan"], "'nan' isn't a number"),
        (["experiments", "--planned-to", "inf"], "'inf' isn't a number"),
        (["dau", "--tz", "Mars/Olympus"], "Mars/Olympus isn't a time zone"),
    ],
)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_nonsense_is_one_line_and_exit_2(capsys, monkeypatch, arguments, says, lang):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    code, out, err = said(capsys, "query", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert (says in err) == (lang == "en")
    assert any("가" <= letter <= "힣" for letter in err) == (lang == "ko")


def test_the_question_is_found_wherever_it_stands():
    def name(*arguments):
        found = asked_question(arguments)
        return found and found.name

    assert name("query", "funnel") == "funnel"
    assert name("query", "--since", "7d", "funnel", "--step", "tools") == "funnel"
    assert name("query", "--show", "tools") == "tools"
    assert name("query", "--format=csv", "tools") == "tools"
    assert name("query", "--set", "tools") is None
    assert name("query", "nothing") is None
    assert name("status") is None


def test_without_numpy_the_sql_answers(capsys, monkeypatch):
    asked = ("query", "funnel", *STEPS, "--within", "2h", *SINCE)
    by_engine = rows(capsys, *asked)
    monkeypatch.setattr("cortex_otel.query.analysis.is_available", lambda: False)
    assert rows(capsys, *asked) == by_engine
    assert int(by_engine[0]["users"]) > 5


def test_what_takes_long_says_so_on_a_terminal_and_leaves_nothing(capsys, monkeypatch):
    from cortex_otel.commands import console

    monkeypatch.setattr(console, "_SECONDS_UNTIL_TOLD", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with console.waiting("Reading …"):
        for thread in console.threading.enumerate():
            if isinstance(thread, console.threading.Timer):
                thread.join()
    assert capsys.readouterr().err == "\rReading …\r\x1b[K"
    monkeypatch.setattr(console, "_SECONDS_UNTIL_TOLD", 60.0)
    with console.waiting("Reading …"):
        pass
    assert capsys.readouterr().err == ""


def test_a_calendar_week_by_tier_is_one_command(capsys, monkeypatch):
    monkeypatch.setattr("cortex_otel.commands.query.time.time_ns", lambda: NOW_NS)
    found = rows(
        capsys, "query", "dau", "--since", "last-week", "--by", "tier", "--tz", "Asia/Seoul"
    )
    days = sorted({row["day"] for row in found})
    # It is Thursday the 26th in Seoul; the week before began on Monday the 16th.
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    assert days == [f"{monday + timedelta(days=each):%Y-%m-%d}" for each in range(7)]
    assert all(row["partial"] == "0" for row in found)
    assert len({row["breakdown"] for row in found}) > 2
