"""``cortex-otel report`` and the job: files, modes, exit codes, what is kept, trouble."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import seeding
from patience import PATIENCE

from cortex_otel import cli
from cortex_otel.operate.job import JobError
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.switches import switches
from cortex_otel.query.zones import zone
from cortex_otel.settings import Settings
from cortex_otel.show.report import pdf, shelf
from cortex_otel.show.report.weeks import Week, last_week
from cortex_otel_exporters import disk

SEOUL = "Asia/Seoul"
REPORT = next(each for each in JOBS if each.name == "report")


@pytest.fixture(scope="module")
def a_store(tmp_path_factory):
    """A week of use that ended some weeks ago, and the week that is over now."""
    now = time.time_ns()
    events = [
        seeding.Event(
            time=now - (20 * seeding.DAY) + number * seeding.HOUR, duration=10**7, tool_name="t",
            name="call t", user=seeding.user_hash(1), session=f"s{number}",
        )
        for number in range(24 * 20)
    ]  # fmt: skip
    return seeding.build(tmp_path_factory.mktemp("store") / "cortex.db", events)


@pytest.fixture
def home(a_store, tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    shutil.copy(a_store, folder / "cortex.db")
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(folder))
    monkeypatch.setenv("CORTEX_OTEL_TIME_ZONE", SEOUL)
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    return folder


@pytest.fixture
def settings(home):
    return Settings(home=home, time_zone=SEOUL)


def last():
    return last_week(time.time_ns(), zone(SEOUL))


def exit_code(*arguments):
    try:
        return cli.main(arguments)
    except SystemExit as error:  # argparse
        return error.code


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(home):
    return sorted(path.name for path in (home / "reports").iterdir())


def test_without_anything_said_it_is_the_last_whole_week(home, capsys):
    assert cli.main(["report"]) == 0
    shown = capsys.readouterr()
    path = Path(shown.out.strip())
    assert path == home / "reports" / f"cortex-report-{last().name}-en.pdf"
    assert path.read_bytes().startswith(b"%PDF")
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700
    assert shown.err == "", "silent in a pipe"


def test_language_and_file_are_chosen(home, capsys, tmp_path):
    target = tmp_path / "out" / "주간.pdf"
    target.parent.mkdir()
    target.write_bytes(b"an older one")
    week = last().name
    assert cli.main(["report", "--week", week, "--lang", "ko", "--out", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    assert b"/Lang(ko)" in target.read_bytes()
    assert mode_of(target) == 0o600
    assert not (home / "reports").exists()
    assert [path.name for path in target.parent.iterdir()] == ["주간.pdf"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--week", "2026-47"], 2, "'2026-47' isn't a week: write it like 2026-W47"),
        (["--week", "2025-W53"], 2, "isn't a week"),
        (["--week", "2099-W01"], 2, "2099-W01 hasn't begun: a report is of this week or"),
        (["--week", "2020-W01"], 2, "a report of 2020-W01 would be empty"),
        (["--lang", "fr"], 2, "invalid choice"),
        (["--out", "/nowhere/at/all.pdf"], 1, "can't be written: No such file or directory"),
        (["--out", "/"], 1, "can't be written: not a regular file"),
        (["--out", "/dev/null"], 1, "can't be written: not a regular file"),
        (["--out", "~nobody-of-that-name/x.pdf"], 1, "can't be written"),
        (["--out", "a\0b"], 1, "can't be written"),
        (["--out", "/proc/report.pdf"], 1, "can't be written"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(home, capsys, arguments, code, said):
    assert exit_code("report", *arguments) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert [path.name for path in home.iterdir() if "report" in path.name] == []


def test_without_a_store_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "none"))
    assert cli.main(["report"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_without_typst_it_says_what_to_install(home, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    assert cli.main(["report"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"needs more packages: pip install '?cortex-otel\[report\].*typst", said)
    assert said.count("\n") == 1
    assert not (home / "reports").exists()


def test_it_is_opened_where_that_is_asked_for(home, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert cli.main(["report", "--open"]) == 0
    assert opened == [Path(capsys.readouterr().out.strip()).as_uri()]


def test_the_job_is_due_on_mondays_at_eight_and_says_what_it_needs(settings, home, monkeypatch):
    assert (REPORT.cadence.weekday, REPORT.cadence.hour, REPORT.cadence.minute) == (0, 8, 0)
    assert REPORT.is_on(settings)
    assert not REPORT.is_on(replace(settings, report=False))
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    assert REPORT.is_on(settings)  # no setting has switched it off
    assert switches(REPORT, settings) == ("CORTEX_OTEL_REPORT",)
    assert re.search(r"not written: .*pip install '?cortex-otel\[report\]", REPORT.run(settings))
    assert not (home / "reports").exists()


def test_the_job_writes_the_last_week_in_the_languages_that_are_set(settings, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    week = last().name
    assert REPORT.run(settings) == f"{week} written (ko), 0 old reports deleted"
    assert names(settings.home) == [f"cortex-report-{week}-ko.pdf"]
    REPORT.run(replace(settings, report_language="both"))
    assert names(settings.home) == [f"cortex-report-{week}-{each}.pdf" for each in ("en", "ko")]
    newest = shelf.newest(settings.home, "ko")
    assert newest.address == f"/api/telemetry/reports/cortex-report-{week}-ko.pdf"
    assert shelf.newest(settings.home, "fr").week.name == week


def test_the_job_keeps_so_many_weeks_and_nothing_else_is_touched(settings):
    folder = settings.home / "reports"
    folder.mkdir()
    weeks = [Week(2026, number) for number in range(1, 7)]
    for week in weeks:
        for language in ("en", "ko"):
            (folder / shelf.file_name(week, language)).write_bytes(b"%PDF")
    (folder / "notes.txt").write_text("mine")
    (folder / "cortex-report-2026-W01-en.pdf.bak").write_text("mine")
    left = folder / f".0123{disk.UNFINISHED}"
    left.write_text("of a run that was killed")
    assert REPORT.run(replace(settings, report_weeks=3)).endswith("8 old reports deleted")
    kept = {report.week.name for report in shelf.kept(settings.home)}
    assert kept == {last().name, "2026-W06", "2026-W05"}
    assert {"notes.txt", "cortex-report-2026-W01-en.pdf.bak"} <= set(names(settings.home))
    assert not left.exists()


def test_the_job_without_a_store_has_nothing_to_do(tmp_path):
    none = Settings(home=tmp_path / "none")
    assert REPORT.run(none) == "nothing is recorded yet: no report"
    assert not none.home.exists()


def test_the_job_tells_what_is_wrong(settings):
    (settings.home / "reports").write_text("a file in its place")
    with pytest.raises(JobError, match=r"reports can't be written to: File exists|Not a directory"):
        REPORT.run(settings)
    settings.database.write_bytes(b"no database" * 1000)
    with pytest.raises(JobError, match="couldn't be made"):
        REPORT.run(settings)


def test_a_disk_that_is_full_leaves_what_was_there(settings, monkeypatch):
    folder = settings.home / "reports"
    folder.mkdir()
    path = folder / "cortex-report-2026-W01-en.pdf"
    path.write_bytes(b"%PDF older")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            disk.write_whole(path, b"%PDF newer")
        with pytest.raises(JobError, match="No space left on device"):
            REPORT.run(settings)
    assert names(settings.home) == [path.name]
    assert path.read_bytes() == b"%PDF older"


def test_only_reports_are_found(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    (tmp_path / "secret.pdf").write_bytes(b"%PDF secret")
    real = folder / "cortex-report-2026-W47-en.pdf"
    real.write_bytes(b"%PDF")
    (folder / "cortex-report-2026-W46-en.pdf").symlink_to(tmp_path / "secret.pdf")
    (folder / "cortex-report-2026-W45-en.pdf").mkdir()
    assert shelf.find(tmp_path, real.name).path == real
    for name in (
        "cortex-report-2026-W46-en.pdf", "cortex-report-2026-W45-en.pdf", "../secret.pdf",
        "cortex-report-2026-W47-en.pdf/", "./cortex-report-2026-W47-en.pdf", "", ".", "..",
        "cortex-report-2026-W47-en.pdf\n", "cortex-report-2026-W47-en.PDF",
        "cortex-report-2026-W99-en.pdf", "cortex-report-2026-W47-../en.pdf", str(real),
        "cortex-report-2026-W47-en.pdf\0", "cortex-report-\uff12\uff10\uff12\uff16-W47-en.pdf",
    ):  # fmt: skip
        assert shelf.find(tmp_path, name) is None, name
    assert [report.path for report in shelf.kept(tmp_path)] == [real]


def started(home, *arguments):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cortex_otel.cli", "report", *arguments],
        env=os.environ | {"CORTEX_OTEL_HOME": str(home)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.system
def test_two_at_once_and_one_that_is_killed(home):
    """Whoever looks sees a whole report or none."""
    killed = started(home)
    both = [started(home), started(home)]
    for running in both:
        out, err = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0, err
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    path = Path(out.strip())
    assert path.read_bytes().endswith(b"%%EOF")
    assert [report.path for report in shelf.kept(home)] == [path]


def reads(process, path):
    """Whether it has the file open."""
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if descriptor.readlink() == path:
                return True
    return False


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_ctrl_c_ends_it(home):
    running = started(home)
    deadline = time.monotonic() + PATIENCE
    while not reads(running.pid, home / "cortex.db") and time.monotonic() < deadline:
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode in {0, 130}, err
    assert "Traceback" not in err
    if (home / "reports").exists():
        assert not [name for name in names(home) if name.startswith(".")]


def test_a_link_is_followed_and_stays(home, tmp_path, capsys):
    target, link = tmp_path / "target.pdf", tmp_path / "link.pdf"
    target.write_bytes(b"older")
    link.symlink_to(target)
    assert cli.main(["report", "--out", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"%PDF")
    assert capsys.readouterr().out.strip() == str(target)
