from __future__ import annotations

import json
import signal

import pytest
from patience import PATIENCE, wait_for

pytestmark = pytest.mark.system

ALL = "quick,slow,broken,surprised,dying,optional"
SECRET = "plantedsecret0123456789"


def test_the_list(machine):
    machine.database.unlink()
    code, out, err = machine.run("jobs", jobs=ALL, CORTEX_OTEL_TIME_ZONE="Asia/Seoul")
    assert (code, err) == (0, "")
    assert "quick      every hour             never" in out
    assert "Wanted by few: switched off (CORTEX_OTEL_CAPTURE_CONTENT)" in out
    assert not machine.database.exists()
    machine.create()
    assert machine.run("jobs", "run", "quick", jobs=ALL)[:2] == (0, "quick: done in the home\n")
    machine.execute(
        "INSERT INTO jobs (job, next_run, last_start, last_end, outcome, detail, failures) "
        "VALUES ('slow', 1, 1774990800000000000, 1774990801500000000, 'failed', 'no luck', 2)"
    )
    code, out, _ = machine.run("jobs", jobs=ALL, CORTEX_OTEL_TIME_ZONE="Asia/Seoul")
    lines = out.splitlines()
    (slow,) = [line for line in lines if line.startswith("slow")]
    assert " ".join(slow.split()) == (
        "slow every day at 00:00 2026-04-01 06:00:00 1.5 s Failed 1970-01-01 09:00:00 (overdue)"
    )
    assert lines[lines.index(slow) + 1] == "  Slow work: no luck"
    assert "Times are those of Asia/Seoul." in out
    assert "CORTEX_OTEL_JOBS=false" in machine.run("jobs", jobs=ALL, CORTEX_OTEL_JOBS="false")[1]
    code, out, _ = machine.run("jobs", "--json", jobs=ALL, CORTEX_OTEL_TIME_ZONE="Asia/Seoul")
    facts = {job["job"]: job for job in json.loads(out)}
    assert list(facts) == ALL.split(",")
    assert facts["slow"] == {
        "job": "slow", "title": "Slow work", "cadence": "every day at 00:00", "is_on": True,
        "switched_off_by": [], "is_running": False, "is_overdue": True, "run_by": None,
        "outcome": "failed", "detail": "no luck", "failures": 2, "took_s": 1.5,
        "last_start": "2026-04-01T06:00:00.000+09:00", "last_end": "2026-04-01T06:00:01.500+09:00",
        "last_success": None, "next_run": "1970-01-01T09:00:00.000+09:00",
    }  # fmt: skip
    assert facts["optional"]["switched_off_by"] == ["CORTEX_OTEL_CAPTURE_CONTENT"]
    # And `status`.
    code, out, _ = machine.run("status", jobs=ALL)
    assert "Jobs        slow failed 2 times: no luck" in out
    machine.execute("UPDATE jobs SET failures = 0")
    assert "slow is overdue since 1970" in machine.run("status", jobs=ALL)[1]


def test_a_run_that_fails_says_why_in_one_line_without_secrets(machine):
    environment = {"jobs": ALL, "CORTEX_OTEL_ADMIN_TOKEN": SECRET}
    code, out, err = machine.run("jobs", "run", "broken", **environment)
    assert (code, out) == (1, "")
    assert err == "cortex-otel: broken: the target refuses [hidden]: set another\n"
    code, out, err = machine.run("jobs", "run", "surprised", **environment)
    assert (code, out) == (1, "")
    noise, told = err.splitlines()
    assert noise == "noise on stdout"
    assert told.startswith("cortex-otel: surprised: KeyError: 'no key for [EMAIL]' (sitecustomize")
    code, _, err = machine.run("jobs", "run", "dying", **environment)
    assert (code, err) == (
        1, "cortex-otel: dying: its process was ended by signal SIGKILL\n",
    )  # fmt: skip
    for path in machine.home.rglob("*"):
        stored = path.read_bytes()
        assert SECRET.encode() not in stored
        assert b"jane.doe" not in stored
    assert machine.row("broken").failures == 1


def test_what_can_t_be_run(machine):
    code, out, err = machine.run("jobs", "run", "nothing", jobs="quick")
    assert (code, out) == (2, "")
    assert err == "cortex-otel: no job called nothing; there are: quick\n"
    assert machine.run("jobs", "run", jobs="quick")[0] == 2
    assert machine.run("jobs", "walk", jobs="quick")[0] == 2
    code, _, err = machine.run("jobs", "run", "optional", jobs=ALL)
    assert (code, err) == (
        1, "cortex-otel: optional is switched off; see CORTEX_OTEL_CAPTURE_CONTENT\n",
    )  # fmt: skip
    machine.database.write_bytes(b"no database" * 1000)
    for arguments in (("jobs",), ("jobs", "run", "quick")):
        code, out, err = machine.run(*arguments, jobs="quick")
        assert (code, out) == (1, "")
        assert "is damaged or isn't a database" in err
        assert len(err.splitlines()) == 1
    machine.database.unlink()
    code, _, err = machine.run("jobs", "run", "quick", jobs="quick")
    assert code == 1
    assert "no database at" in err
    assert machine.logged() == []


def test_a_lease_that_others_have_and_one_that_is_lost(machine, gone):
    first = machine.start("jobs", "run", "slow", jobs="slow", RENEWAL_SECONDS="0.2")
    (worker,) = wait_for(lambda: [pid for _, pid in machine.logged()])
    code, _, err = machine.run("jobs", "run", "slow", jobs="slow")
    assert code == 1
    assert err.startswith(
        f"cortex-otel: slow is being run by process {first.pid} (cortex-otel jobs run) since "
    )
    listed = json.loads(machine.run("jobs", "--json", jobs="slow")[1])
    assert (listed[0]["is_running"], listed[0]["run_by"]) == (True, str(first.pid))
    taken = machine.run("jobs", "run", "slow", "--force", jobs="slow", JOBS_TEST_SECONDS="0")
    assert taken[:2] == (0, "slow: slept\n")
    gone(worker)
    assert first.wait(PATIENCE) == 1
    assert first.communicate()[1].endswith("slow: another process has taken it over\n")
    assert machine.row("slow").outcome == "done"
    # One that the clock says is dead is no obstacle.
    machine.execute("UPDATE jobs SET holder = 'serve:1:x', lease_until = 1")
    assert machine.run("jobs", "run", "slow", jobs="slow", JOBS_TEST_SECONDS="0")[0] == 0


def test_ctrl_c_ends_a_run_and_leaves_the_lease_free(machine, gone):
    command = machine.start("jobs", "run", "slow", jobs="slow")
    (worker,) = wait_for(lambda: [pid for _, pid in machine.logged()])
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=PATIENCE)
    assert (command.returncode, out, err) == (130, "", "")
    gone(worker)
    row = machine.row("slow")
    assert (row.holder, row.outcome) == (None, "interrupted")
    # SIGTERM, as systemd sends it.
    command = machine.start("jobs", "run", "slow", jobs="slow")
    wait_for(lambda: len(machine.logged()) > 1)
    command.terminate()
    command.wait(PATIENCE)
    gone(machine.logged()[1][1])
    wait_for(lambda: machine.row("slow").holder is None)


def test_a_file_of_the_directory_it_is_started_in_is_no_module_of_ours(
    machine, tmp_path, monkeypatch
):
    (tmp_path / "webbrowser.py").write_text("raise SystemExit(99)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert machine.run("jobs", "run", "quick", jobs="quick")[:2] == (0, "quick: done in the home\n")


def test_serve_leaves_jobs_to_cron_if_it_is_told_so(machine):
    serve = machine.serve(jobs="quick", CORTEX_OTEL_JOBS="false")
    for line in serve.stdout:
        if line.startswith("Ctrl-C"):
            break
    assert machine.run("jobs", "run", "quick", jobs="quick")[0] == 0
    machine.execute("UPDATE jobs SET next_run = 1")
    serve.terminate()
    serve.communicate(timeout=PATIENCE)
    assert len(machine.logged()) == 1


def test_what_is_on_is_as_a_running_serve_has_it(machine):
    serve = machine.serve(jobs="quick,optional", CORTEX_OTEL_CAPTURE_CONTENT="true")
    machine.ended("optional", "done")
    code, out, err = machine.run("jobs", jobs="quick,optional")
    assert (code, err) == (0, "")
    assert "switched off" not in out
    assert f"as cortex-otel serve (process {serve.pid}) has it" in out
    code, out, err = machine.run("jobs", "run", "optional", jobs="quick,optional")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "switched off; see CORTEX_OTEL_CAPTURE_CONTENT" in err
    assert f"process {serve.pid}, has it" in err
    serve.kill()
    serve.wait()
    out = machine.run("jobs", jobs="quick,optional")[1]
    assert "Wanted by few: switched off (CORTEX_OTEL_CAPTURE_CONTENT)" in out


def test_a_job_that_is_off_says_what_switches_it_on(machine):
    machine.serve(jobs="quick,optional")
    machine.ended("quick", "done")
    row = machine.row("optional")
    assert (row.next_run, row.detail) == (None, "off: set CORTEX_OTEL_CAPTURE_CONTENT")
    answer = machine.run("query", "jobs", "--format", "csv", jobs="quick,optional")[1]
    (line,) = [each for each in answer.splitlines() if each.startswith("optional,")]
    assert line.startswith("optional,off,")
