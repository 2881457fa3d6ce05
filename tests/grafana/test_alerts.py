from __future__ import annotations

import re

import grafana_plugin
import pytest
import seeding
import yaml

from cortex_otel.query.alert_rules import AlertRules
from cortex_otel.show.grafana.alerts import alerts_of

NOW = seeding.MONDAY + 10 * seeding.DAY
MINUTE = 60 * 10**9


@pytest.fixture(scope="session")
def rules(grafana):
    text = (grafana / "provisioning" / "alerting" / "rules.yaml").read_text(encoding="utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    return group


@pytest.fixture
def instances(tmp_path, rules):
    """Asks a rule as Grafana's alerting does: the backend alone, then the threshold."""

    def ask(uid, events):
        path = seeding.build(tmp_path / f"{uid}{len(events)}.db", events)
        over = grafana_plugin.Plugin(path)
        rule = next(each for each in rules["rules"] if each["uid"] == uid)
        question, threshold = rule["data"]
        seconds = question["relativeTimeRange"]["from"]
        frame = over.query(question["model"], NOW - seconds * 10**9, NOW)
        over.close()
        assert frame.types[1] in {"FLOAT", "UNKNOWN"}
        assert question["model"]["timeColumns"] == []  # no time: a row is an instance
        (limit,) = threshold["model"]["conditions"][0]["evaluator"]["params"]
        return {service: (value, value > limit) for service, value in frame.rows}

    return ask


def calls(count, failed=0, ago_minutes=1.0, duration_ms=20, service="mcp"):
    return [
        seeding.Event(
            NOW - int(ago_minutes * MINUTE) + number,
            duration_ms * 10**6,
            service=service,
            result="error" if number < failed else "success",
            user=seeding.user_hash(1),
        )
        for number in range(count)
    ]


def test_the_group_ticks_every_ten_seconds_and_waits_for_nothing(rules):
    assert rules["interval"] == "10s"
    for rule in rules["rules"]:
        assert rule["for"] == "0s"
        assert rule["noDataState"] == "OK"  # nobody at work is no incident
        assert rule["condition"] == "B"
        settings = rule["notification_settings"]
        assert settings == {
            "receiver": "cortex-slack",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "10s",
            "repeat_interval": "4h",
        }


def test_every_step_has_a_range_and_the_threshold_stands_right_on_the_table(rules):
    assert len({rule["uid"] for rule in rules["rules"]}) == len(alerts_of(AlertRules())) == 3
    for rule, alert in zip(rules["rules"], alerts_of(AlertRules()), strict=True):
        question, threshold = rule["data"]
        for step in (question, threshold):
            assert step["relativeTimeRange"] == {"from": alert.seconds, "to": 0}
            assert step["refId"] == step["model"]["refId"]
        assert question["datasourceUid"] == question["model"]["datasource"]["uid"]
        assert question["model"]["queryText"] == question["model"]["rawQueryText"]
        assert threshold["datasourceUid"] == "__expr__"
        assert threshold["model"]["type"] == "threshold"  # no reduce between: it isn't a series
        assert threshold["model"]["expression"] == "A"
        assert threshold["model"]["conditions"][0]["evaluator"]["params"] == [alert.threshold]


def test_a_rule_has_no_variable_of_grafana(rules):
    for rule in rules["rules"]:
        sql = rule["data"][0]["model"]["queryText"]
        assert "${" not in sql
        assert re.search(r"\$__(from|to)\b", sql)
        # Not interpolated here, so a doubled one would reach SQLite.
        assert "$$" not in sql


@pytest.mark.parametrize(("failed", "fires"), [(5, False), (6, True), (0, False)])
def test_more_than_five_percent_of_errors_fires(instances, failed, fires):
    value, fired = instances("cortex-error-rate", calls(100, failed))["mcp"]
    assert value == failed / 100
    assert fired is fires


def test_each_service_is_an_instance_of_its_own(instances):
    events = calls(100, 50) + calls(100, 1, service="extension")
    fired = instances("cortex-error-rate", events)
    assert fired == {"mcp": (0.5, True), "extension": (0.01, False)}


def test_a_few_calls_are_no_incident(instances):
    assert instances("cortex-error-rate", calls(9, 9)) == {}
    assert instances("cortex-error-rate", calls(10, 9))["mcp"] == (0.9, True)


def test_old_errors_are_forgotten(instances):
    assert instances("cortex-error-rate", calls(100, 50, ago_minutes=6)) == {}


@pytest.mark.parametrize(("duration_ms", "fires"), [(1000, False), (1001, True)])
def test_more_than_a_second_on_average_fires(instances, duration_ms, fires):
    value, fired = instances("cortex-response-time", calls(20, duration_ms=duration_ms))["mcp"]
    assert value == pytest.approx(duration_ms)
    assert fired is fires


def test_events_without_a_duration_have_no_average(instances):
    events = [seeding.Event(NOW - MINUTE, None, user=seeding.user_hash(1))]
    assert instances("cortex-response-time", events) == {}


@pytest.mark.parametrize(("minutes", "fires"), [(9, False), (11, True)])
def test_silence_fires(instances, minutes, fires):
    value, fired = instances("cortex-heartbeat", calls(1, ago_minutes=minutes))["mcp"]
    assert value == pytest.approx(minutes)
    assert fired is fires


def test_who_was_switched_off_long_ago_is_not_missed(instances):
    assert instances("cortex-heartbeat", calls(1, ago_minutes=61)) == {}


def test_other_instrumentations_count_for_nothing(instances):
    events = calls(100, 50)
    for event in events:
        event.event_type = "span"
    assert instances("cortex-error-rate", events) == {}
