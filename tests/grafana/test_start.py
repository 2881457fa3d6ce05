"""The script that starts the container, run for real; what it would start is ``env``."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("sh") is None, reason="a POSIX shell runs it"),
]


@pytest.fixture
def start(grafana, tmp_path):
    (tmp_path / "data").mkdir()

    def run(**environ):
        done = subprocess.run(
            ["sh", str(grafana / "start.sh"), "env"],
            env={
                "PATH": os.environ["PATH"],
                "CORTEX_GRAFANA": str(grafana),
                "CORTEX_PROVISIONING": str(tmp_path / "to"),
                "GF_PATHS_DATA": str(tmp_path / "data"),
                **environ,
            },
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return done, seen, tmp_path / "to"

    return run


def rules(directory):
    text = (directory / "alerting" / "rules.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["groups"][0]["rules"]


def thresholds(directory):
    return [
        rule["data"][1]["model"]["conditions"][0]["evaluator"]["params"]
        for rule in rules(directory)
    ]


def test_without_slack_nothing_points_to_it(start):
    done, seen, to = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert seen["GF_PATHS_PROVISIONING"] == str(to)
    assert thresholds(to) == [[0.05], [1000], [10]]
    assert not (to / "alerting" / "contact-points.yaml").exists()
    assert all("notification_settings" not in rule for rule in rules(to))


def test_with_slack_every_rule_points_to_it(start):
    done, _, to = start(CORTEX_OTEL_SLACK_WEBHOOK_URL="https://hooks.example/x")
    assert done.returncode == 0
    assert all(rule["notification_settings"]["receiver"] == "cortex-slack" for rule in rules(to))
    points = yaml.safe_load((to / "alerting" / "contact-points.yaml").read_text(encoding="utf-8"))
    # Grafana itself puts it in: no secret is written.
    url = points["contactPoints"][0]["receivers"][0]["settings"]["url"]
    assert url == "$CORTEX_OTEL_SLACK_WEBHOOK_URL"


def test_thresholds_are_the_users(start):
    _, _, to = start(
        CORTEX_OTEL_ALERT_ERROR_RATE="0.2",
        CORTEX_OTEL_ALERT_RESPONSE_MS="250.5",
        CORTEX_OTEL_ALERT_SILENCE_MINUTES="3",
    )
    assert thresholds(to) == [[0.2], [250.5], [3]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORTEX_OTEL_ALERT_ERROR_RATE", "5"),
        ("CORTEX_OTEL_ALERT_ERROR_RATE", "5%"),
        ("CORTEX_OTEL_ALERT_RESPONSE_MS", "1s"),
        ("CORTEX_OTEL_ALERT_RESPONSE_MS", "1/w /tmp/x"),
        ("CORTEX_OTEL_ALERT_RESPONSE_MS", "1.2.3"),
        ("CORTEX_OTEL_ALERT_SILENCE_MINUTES", "$(id)"),
    ],
)
def test_a_senseless_threshold_stops_it_by_name(start, name, value):
    done, seen, _ = start(**{name: value})
    assert done.returncode == 2
    assert name in done.stderr
    assert seen == {}


@pytest.mark.parametrize(
    ("language", "folder"), [("", "en"), ("ko", "ko"), ("ko_KR.UTF-8", "ko"), ("fr", "en")]
)
def test_the_dashboards_are_in_the_users_language(start, grafana, language, folder):
    _, seen, _ = start(CORTEX_OTEL_LANG=language)
    assert seen["CORTEX_DASHBOARDS"] == str(grafana / "dashboards" / folder)
    home = Path(seen["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.is_file()


def test_secrets_are_made_once_and_printed_nowhere(start, tmp_path):
    first, seen, _ = start()
    again, seen_again, _ = start()
    password = (tmp_path / "data" / "admin-password").read_text(encoding="utf-8")
    assert len(password) == 32
    assert (
        seen["GF_SECURITY_ADMIN_PASSWORD"] == seen_again["GF_SECURITY_ADMIN_PASSWORD"] == password
    )
    assert seen["GF_SECURITY_SECRET_KEY"] == seen_again["GF_SECURITY_SECRET_KEY"] != password
    for name in ("admin-password", "secret-key"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert first.stderr == again.stderr == ""


def test_a_password_of_the_users_own_wins(start, tmp_path):
    _, seen, _ = start(GRAFANA_ADMIN_PASSWORD="mine & 'quoted'")
    assert seen["GF_SECURITY_ADMIN_PASSWORD"] == "mine & 'quoted'"
    assert not (tmp_path / "data" / "admin-password").exists()
