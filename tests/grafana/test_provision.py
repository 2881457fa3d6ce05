from __future__ import annotations

import json
import os
import shlex
import stat
from pathlib import Path

import apsw
import pytest
import seeding
import yaml
from grafana_plugin import Plugin
from patience import PATIENCE

from cortex_otel import cli
from cortex_otel.locale import texts
from cortex_otel.show.grafana.setup import sources


def said(capsys, *arguments):
    code = cli.main(["grafana", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "telemetry"
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(home))
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    seeding.build(home / "cortex.db", seeding.random_events(50, days=2, users=3))
    return home


def every_file(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_all_of_it_is_written(capsys, home, tmp_path):
    to = tmp_path / "to"
    code, out, err = said(capsys, "provision", to)
    assert (code, err) == (0, "")
    names = set(every_file(to))
    assert {
        "datasources/cortex.yaml",
        "dashboards/cortex.yaml",
        "alerting/rules.yaml",
        "plugins/cortex.yaml",
        "grafana.env",
        "dashboards/cortex/cortex-home.json",
    } <= names
    assert "alerting/contact-points.yaml" not in names
    dashboards = [name for name in names if name.startswith("dashboards/cortex/")]
    assert f"{len(dashboards)} dashboards" in out
    assert str(home / "cortex.db") in out
    assert "as the user that writes" in out
    assert "grafana.env" in out


def test_the_paths_are_this_installations(capsys, home, tmp_path):
    said(capsys, "provision", tmp_path / "to")
    to = tmp_path / "to"
    (source,) = read(to / "datasources" / "cortex.yaml")["datasources"]
    assert source["jsonData"]["path"] == str(home / "cortex.db")
    (provider,) = read(to / "dashboards" / "cortex.yaml")["providers"]
    assert Path(provider["options"]["path"]) == to / "dashboards" / "cortex"
    settings = dict(
        line.split("=", 1)
        for line in (to / "grafana.env").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    shown = settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(*shlex.split(shown)).is_file()
    assert shlex.split(settings["GF_PATHS_PROVISIONING"]) == [str(to)]
    assert settings["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert settings["GF_PLUGINS_PREINSTALL_SYNC"] == "frser-sqlite-datasource@4.0.3"


@pytest.mark.parametrize("name", ["a b", "ko 한국어", "50% #1?", 'it\'s $HOME & "x"', "a: b"])
def test_any_directory_will_do(capsys, monkeypatch, tmp_path, name):
    """Of the database: as SQLite's URI; of the files: as YAML that Grafana interpolates."""
    home = tmp_path / name
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(home))
    path = seeding.build(home / "cortex.db", seeding.random_events(50, days=2, users=3))
    to = tmp_path / f"to {name}"
    assert said(capsys, "provision", to)[0] == 0
    (source,) = read(to / "datasources" / "cortex.yaml")["datasources"]
    uri_path = source["jsonData"]["path"].replace("$$", "$")
    assert source["jsonData"]["path"].count("$") == 2 * str(home).count("$")
    over = Plugin(uri_path)
    assert over.connection.filename == str(path)
    frame = over.query({"queryText": "SELECT count(*) AS n FROM events", "timeColumns": []}, 0, 1)
    assert frame.rows == [[50]]
    over.close()
    (provider,) = read(to / "dashboards" / "cortex.yaml")["providers"]
    assert provider["options"]["path"].replace("$$", "$") == str(to / "dashboards" / "cortex")
    for line in (to / "grafana.env").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") and line:
            assert len(shlex.split(line)) == 1


def test_what_is_there_is_not_overwritten(capsys, home, tmp_path):
    to = tmp_path / "to"
    said(capsys, "provision", to)
    mine = to / "datasources" / "cortex.yaml"
    mine.write_text("mine", encoding="utf-8")
    before = every_file(to)
    code, out, err = said(capsys, "provision", to)
    assert (code, out) == (1, "")
    assert "--force" in err
    assert err.count("\n") == 1
    assert every_file(to) == before
    assert said(capsys, "provision", to, "--force")[0] == 0
    assert mine.read_text(encoding="utf-8") != "mine"


def test_files_of_others_stay(capsys, home, tmp_path):
    to = tmp_path / "to"
    others = [
        "datasources/prometheus.yaml",
        "dashboards/cortex/theirs.json",
        "alerting/own.yaml",
        "alerting/contact-points.yaml",
    ]
    for name in others:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text("theirs", encoding="utf-8")
    assert said(capsys, "provision", to)[0] == 0
    assert all((to / name).read_text(encoding="utf-8") == "theirs" for name in others)


def test_what_an_earlier_version_left_goes(capsys, home, tmp_path, monkeypatch):
    to = tmp_path / "to"
    monkeypatch.setenv("CORTEX_OTEL_SLACK_WEBHOOK_URL", "https://hooks.example/x")
    said(capsys, "provision", to)
    (to / "dashboards" / "cortex" / "cortex-gone.json").write_text("{}", encoding="utf-8")
    monkeypatch.delenv("CORTEX_OTEL_SLACK_WEBHOOK_URL")
    said(capsys, "provision", to, "--force")
    names = every_file(to)
    assert "dashboards/cortex/cortex-gone.json" not in names
    # It would go on sending, or stop Grafana once it is edited to nothing.
    assert "alerting/contact-points.yaml" not in names


def test_slack_only_with_a_webhook(capsys, home, tmp_path, monkeypatch):
    webhook = "https://hooks.example/services/T0/B0/secret$1"
    monkeypatch.setenv("CORTEX_OTEL_SLACK_WEBHOOK_URL", webhook)
    to = tmp_path / "to"
    code, out, err = said(capsys, "provision", to)
    assert (code, err) == (0, "")
    assert "secret" not in out
    path = to / "alerting" / "contact-points.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (point,) = read(path)["contactPoints"]
    assert point["receivers"][0]["settings"]["url"].replace("$$", "$") == webhook
    (group,) = read(to / "alerting" / "rules.yaml")["groups"]
    assert all(r["notification_settings"]["receiver"] == point["name"] for r in group["rules"])


def test_thresholds_come_from_the_environment(capsys, home, tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_ALERT_ERROR_RATE", "0.1")
    monkeypatch.setenv("CORTEX_OTEL_ALERT_SILENCE_MINUTES", "5")
    to = tmp_path / "to"
    said(capsys, "provision", to)
    (group,) = read(to / "alerting" / "rules.yaml")["groups"]
    limits = [r["data"][1]["model"]["conditions"][0]["evaluator"]["params"] for r in group["rules"]]
    assert limits == [[0.1], [1000], [5]]


def test_thresholds_are_those_of_serve(capsys, home, tmp_path):
    lines = "error_rate = 0.2\nwindow_minutes = 7\nmin_events = 30\n"
    (home / "alerts.toml").write_text(lines, encoding="utf-8")
    to = tmp_path / "to"
    assert said(capsys, "provision", to)[0] == 0
    (group,) = read(to / "alerting" / "rules.yaml")["groups"]
    errors, durations, _ = group["rules"]
    assert errors["data"][1]["model"]["conditions"][0]["evaluator"]["params"] == [0.2]
    assert errors["data"][0]["relativeTimeRange"]["from"] == 7 * 60
    assert errors["data"][0]["model"]["queryText"].rstrip().endswith("WHERE rated >= 30")
    assert durations["data"][0]["model"]["queryText"].rstrip().endswith("WHERE timed >= 30")
    assert "last 7 minutes" in errors["annotations"]["summary"]


def test_the_old_name_of_the_webhook_is_read_with_a_warning(capsys, home, tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_SLACK_WEBHOOK", "https://hooks.example/old")
    code, out, err = said(capsys, "provision", tmp_path / "to")
    assert code == 0
    assert "comes twice" in out
    assert err.count("\n") == 1
    assert "old name of CORTEX_OTEL_SLACK_WEBHOOK_URL" in err
    monkeypatch.setenv("CORTEX_OTEL_SLACK_WEBHOOK_URL", "https://hooks.example/new")
    code, _, err = said(capsys, "provision", tmp_path / "to", "--force")
    assert (code, err) == (0, "")
    points = (tmp_path / "to" / "alerting" / "contact-points.yaml").read_text(encoding="utf-8")
    assert "example/new" in points


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORTEX_OTEL_ALERT_ERROR_RATE", "5"),
        ("CORTEX_OTEL_ALERT_ERROR_RATE", "0"),
        ("CORTEX_OTEL_ALERT_ERROR_RATE", "nan"),
        ("CORTEX_OTEL_ALERT_RESPONSE_MS", "1 s"),
        ("CORTEX_OTEL_ALERT_SILENCE_MINUTES", "60"),
        ("CORTEX_OTEL_SLACK_WEBHOOK_URL", "hooks.example/secret"),
        ("CORTEX_OTEL_SLACK_WEBHOOK_URL", 'https://x/"\nsecret: 1'),
    ],
)
def test_a_senseless_setting_is_told_and_nothing_written(  # noqa: PLR0917 - fixtures
    capsys, home, tmp_path, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    code, out, err = said(capsys, "provision", tmp_path / "to")
    assert (code, out) == (2, "")
    assert name in err
    assert "secret" not in err
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("zone", "language"),
    [("Asia/Seoul", "ko"), ("UTC", "en"), ("Asia/Kathmandu", "en")],
)
def test_days_are_of_the_projects_zone(  # noqa: PLR0917 - fixtures
    capsys, home, tmp_path, monkeypatch, zone, language
):
    monkeypatch.setenv("CORTEX_OTEL_TIME_ZONE", zone)
    monkeypatch.setenv("CORTEX_OTEL_LANG", language)
    assert said(capsys, "provision", tmp_path / "to")[0] == 0
    plain = json.loads(
        (tmp_path / "to/dashboards/cortex/cortex-home.json").read_text(encoding="utf-8")
    )
    assert plain["timezone"] == ("utc" if zone == "UTC" else zone)
    (variable,) = (v for v in plain["templating"]["list"] if v["name"] == "time_zone")
    assert (variable["current"]["value"], variable["current"]["text"]) == (zone, zone)
    assert ("홈" in plain["title"]) == (language == "ko")


@pytest.mark.parametrize("target", ["", " ", "a\0b"])
def test_what_is_no_directory(capsys, home, target):
    code, _, err = said(capsys, "provision", target)
    assert code == 2
    assert err.count("\n") == 1


def test_a_directory_that_is_a_file(capsys, home, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    code, out, err = said(capsys, "provision", tmp_path / "file")
    assert (code, out) == (1, "")
    assert "can't write" in err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_of_somebody_else(capsys, home, tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o500)
    code, _, err = said(capsys, "provision", tmp_path / "theirs")
    assert code == 1
    assert str(tmp_path / "theirs") in err


def test_before_anything_was_recorded(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    code, out, _ = said(capsys, "provision", tmp_path / "to")
    assert code == 0
    assert "no database yet" in out
    assert not (tmp_path / "nothing").exists()


def test_korean(capsys, home, tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    code, out, _ = said(capsys, "provision", tmp_path / "to")
    assert code == 0
    assert "다음 할 일" in out
    _, _, err = said(capsys, "provision", tmp_path / "to")
    assert "이미 있는 파일" in err


@pytest.mark.parametrize("language", ["en", "ko"])
def test_help_tells_both(capsys, monkeypatch, language):
    monkeypatch.setenv("CORTEX_OTEL_LANG", language)
    with pytest.raises(SystemExit) as ended:
        cli.main(["grafana", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "provision" in out
    assert "push" in out
    assert texts(language).gettext("set up Grafana for the database") in out


@pytest.mark.system
def test_it_needs_none_of_the_packages_it_was_made_with(home, tmp_path):
    """An installed package has no grafana-foundation-sdk."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "for name in ('grafana_foundation_sdk', 'grafana_client', 'yaml'):\n"
        "    sys.modules[name] = None\n"
        "from cortex_otel import cli\n"
        f"sys.exit(cli.main(['grafana', 'provision', {str(tmp_path / 'to')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_sources_are_all_there():
    names = {entry.name for entry in sources().iterdir()}
    assert {"dashboards", "provisioning", "grafana.env"} <= names


def test_a_reader_of_a_database_in_use(seeded):
    """Read-only through a WAL, while a writer is in the middle of something."""
    writer = apsw.Connection(str(seeded))
    writer.execute("BEGIN IMMEDIATE")
    over = Plugin(seeded)
    frame = over.query({"queryText": "SELECT count(*) AS n FROM events", "timeColumns": []}, 0, 1)
    assert frame.rows[0][0] == 70_000
    writer.execute("ROLLBACK")
    writer.close()
    over.close()
