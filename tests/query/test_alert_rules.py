"""Thresholds: the environment, else the file, else the defaults; and how they are changed."""

from __future__ import annotations

import tomllib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_otel.query.alert_rules import KEYS, AlertRules, read_rules, save_rules
from cortex_otel.query.toml_file import TomlFileError
from cortex_otel.settings import ALERT_RULES, SettingError, Settings, read_environment

BY_HAND = """\
# Seoul sleeps.
quiet_hours = "23:00-07:00"   # since May
error_rate = 0.02
services = ["mcp", "extension"]
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "alerts.toml"


@pytest.fixture
def by_hand(path):
    path.parent.mkdir()
    path.write_text(BY_HAND, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold(path):
    read = read_rules(path, Settings())
    assert read.rules == AlertRules()
    assert (read.rules.error_rate, read.rules.response_ms) == (0.05, 1000)
    assert read.problems == ()


def test_the_environment_wins_over_the_file(by_hand):
    settings = read_environment(
        {"CORTEX_OTEL_ALERT_ERROR_RATE": "0.1", "CORTEX_OTEL_ALERT_RULES": "disk,error_rate"}
    )
    read = read_rules(by_hand, settings)
    assert read.rules == AlertRules(
        error_rate=0.1, rules=("error_rate", "disk"), services=("mcp", "extension"),
        quiet_hours="23:00-07:00",
    )  # fmt: skip
    assert read.from_environment == {
        "error_rate": "CORTEX_OTEL_ALERT_ERROR_RATE", "rules": "CORTEX_OTEL_ALERT_RULES",
    }  # fmt: skip


def test_saving_changes_lines_and_leaves_the_rest(by_hand):
    save_rules(by_hand, {"quiet_hours": "", "error_rate": 0.07, "min_events": 20, "services": []})
    assert by_hand.read_text(encoding="utf-8") == (
        "# Seoul sleeps.\n"
        'quiet_hours = ""   # since May\n'
        "error_rate = 0.07\n"
        "services = []\n"
        "min_events = 20\n"
    )
    assert oct(by_hand.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "error_rate = 5",
            "line 1: the value of error_rate is invalid: allowed is a number above 0",
        ),
        ("error_rate = true", "the value of error_rate is invalid"),
        ('# x\nerror_rate = "0.1"', "line 2: the value of error_rate is invalid"),
        ("window_minutes = 0", "the value of window_minutes is invalid: allowed is 1 to 60"),
        ('quiet_hours = "22-8"', "the value of quiet_hours is invalid: allowed is a time of day"),
        ('rules = ["errors"]', "the value of rules is invalid: allowed is some of error_rate"),
        ('services = ["a b"]', "the value of services is invalid"),
        ("services = [1]", "the value of services is invalid"),
        ("slack_webhook_url = 'https://x'", "there is no slack_webhook_url"),
        ("command = 'rm'", "there is no command"),
        ("[mcp]\nerror_rate = 0.1", "there is no mcp"),
        ("error_rate =", "this isn't TOML"),
        ("\xff", "this isn't TOML"),
    ],
)
def test_what_makes_no_sense_is_named_and_left_out(by_hand, text, said):
    by_hand.write_text(text, encoding="utf-8")
    read = read_rules(by_hand, Settings())
    assert read.rules == AlertRules()
    assert said in str(read.problems[0])
    assert str(by_hand) in str(read.problems[0])


def test_a_broken_file_is_left_as_it_is(by_hand):
    for text in ("error_rate =", "services = [\n  'a',\n]\n"):
        by_hand.write_text(text, encoding="utf-8")
        with pytest.raises(TomlFileError):
            save_rules(by_hand, {"services": ["mcp"]})
        assert by_hand.read_text(encoding="utf-8") == text
    assert [each.name for each in by_hand.parent.iterdir()] == ["alerts.toml"]


VALUES = {
    "error_rate": st.floats(0, 1, exclude_min=True),
    "response_ms": st.floats(0.001, 3_600_000),
    "window_minutes": st.integers(1, 60),
    "min_events": st.integers(1, 1_000_000),
    "disk_free_mb": st.integers(1, 10_000_000),
    "rules": st.lists(st.sampled_from(ALERT_RULES), unique=True),
    "services": st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), max_size=5),
    "quiet_hours": st.sampled_from(["", "22:00-08:00", "00:00-23:59"]),
}


@given(st.fixed_dictionaries({}, optional=VALUES), st.sampled_from(["", BY_HAND]))
def test_what_is_saved_is_read(tmp_path_factory, values, before):
    path = tmp_path_factory.mktemp("rules") / "alerts.toml"
    path.write_text(before, encoding="utf-8")
    save_rules(path, values)
    read = read_rules(path, Settings())
    assert read.problems == ()
    for key, value in values.items():
        found = getattr(read.rules, key)
        if key == "rules":
            assert set(found) == set(value)
        else:
            assert found == (tuple(value) if isinstance(value, list) else value)
    assert tomllib.loads(path.read_text(encoding="utf-8")).keys() >= values.keys()


def test_every_key_has_a_setting():
    named = {each.name.removeprefix("alert_") for each in fields(Settings)}
    assert set(KEYS) <= named


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("ALERT_ERROR_RATE", "5", "'5'"),
        ("ALERT_ERROR_RATE", "5%", "'5%'"),
        ("ALERT_WINDOW_MINUTES", "0", "'0'"),
        ("ALERT_QUIET_HOURS", "10pm-8am", "'10pm-8am'"),
        ("ALERT_QUIET_HOURS", "08:00-08:00", "'08:00-08:00'"),
        ("ALERT_RULES", "all", "'all'"),
        ("SLACK_WEBHOOK_URL", "http://hooks.slack.com/services/SECRET", "[hidden]"),
        ("SLACK_WEBHOOK_URL", "https://user:SECRET@hooks.slack.com/", "[hidden]"),
        ("SLACK_WEBHOOK_URL", "hooks.slack.com/SECRET", "[hidden]"),
        ("ALERT_WEBHOOK_URL", "file:///SECRET", "[hidden]"),
        ("ALERT_WEBHOOK_KEY", "SECRET", "[hidden]"),
        ("ALERT_WEBHOOK_KEY", "whsec_SECRET!", "[hidden]"),
        ("ALERT_COMMAND", "'SECRET", "[hidden]"),
        ("ADMIN_URL", "ftp://x", "'ftp://x'"),
    ],
)
def test_a_senseless_setting_is_named_and_no_secret_shown(name, value, shown):
    with pytest.raises(SettingError) as raised:
        read_environment({f"CORTEX_OTEL_{name}": value})
    assert str(raised.value).startswith(f"CORTEX_OTEL_{name}={shown} is not valid: allowed is ")
    assert "SECRET" not in str(raised.value)


def test_secrets_are_in_no_repr():
    settings = read_environment(
        {
            "CORTEX_OTEL_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/SECRET?x=SECRET",
            "CORTEX_OTEL_ALERT_WEBHOOK_URL": "http://127.0.0.1:9/SECRET",
            "CORTEX_OTEL_ALERT_WEBHOOK_KEY": "SECRET" * 5,
            "CORTEX_OTEL_ALERT_COMMAND": "notify --token SECRET 'a b'",
        }
    )
    assert settings.alert_command == ("notify", "--token", "SECRET", "a b")
    assert "SECRET" not in repr(settings)
