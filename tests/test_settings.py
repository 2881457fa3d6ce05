from dataclasses import fields

import pytest

from cortex_otel.settings import SettingError, Settings, enabled_by_host, read_environment

NONSENSE = {
    "CORTEX_OTEL_ENABLED": "maybe",
    "CORTEX_OTEL_HOME": " ",
    "CORTEX_OTEL_SERVICE": "a b",
    "CORTEX_OTEL_USER_TIER": "gold",
    "CORTEX_OTEL_SAMPLING": "mcp.tool_call=2",
    "CORTEX_OTEL_CAPTURE_CONTENT": "perhaps",
    "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "2",
    "CORTEX_OTEL_SPAN": "lean",
    "CORTEX_OTEL_QUEUE_SIZE": "-1",
    "CORTEX_OTEL_FLUSH_INTERVAL_MS": "soon",
    "CORTEX_OTEL_EXIT_TIMEOUT_MS": "1.5",
    "CORTEX_OTEL_METRICS_INTERVAL_MS": "0",
    "CORTEX_OTEL_IDENTITY_TTL_MS": "-5",
}


@pytest.mark.parametrize(("name", "value"), NONSENSE.items())
def test_nonsense_stops_start_up_with_one_line(name, value):
    with pytest.raises(SettingError) as caught:
        read_environment({name: value})

    line = str(caught.value)
    assert "\n" not in line
    assert name in line
    assert repr(value) in line


@pytest.mark.parametrize(("name", "value"), NONSENSE.items())
def test_under_zero_code_it_warns_and_the_default_is_used(name, value):
    lines = []

    assert read_environment({name: value}, warn=lines.append) == read_environment({})
    assert len(lines) == 1
    assert name in lines[0]


@pytest.mark.parametrize("text", ["x=0.5", "mcp.tool_call", "mcp.tool_call=nan", "span=0", "=1"])
def test_sampling_takes_known_events_and_real_rates_only(text):
    with pytest.raises(SettingError, match="CORTEX_OTEL_SAMPLING"):
        read_environment({"CORTEX_OTEL_SAMPLING": text})


def test_sampling_is_read_by_event_type():
    settings = read_environment({"CORTEX_OTEL_SAMPLING": "mcp.search_context=0.1, span=0.05"})

    assert settings.sampling == {"mcp.search_context": 0.1, "span": 0.05}


def test_code_wins_over_the_environment():
    settings = read_environment({"CORTEX_OTEL_SERVICE": "web"}, overrides={"service": "extension"})

    assert settings.service == "extension"


def test_an_unknown_setting_is_named():
    with pytest.raises(SettingError, match="colour"):
        read_environment({}, overrides={"colour": "red"})


def test_the_sdk_switch_counts():
    assert not read_environment({"OTEL_SDK_DISABLED": "true"}).enabled


def test_each_setting_has_a_variable_of_its_own():
    names = [setting.metadata["environment"] for setting in fields(Settings)]

    assert len(set(names)) == len(names)
    assert all(name.startswith("CORTEX_OTEL_") for name in names)


@pytest.mark.parametrize(
    ("source", "enabled"),
    [
        ("TELEMETRY_ENABLED = False", False),
        ("TELEMETRY_ENABLED: bool = False", False),
        ("TELEMETRY_ENABLED = True", True),
        ("OTHER = False", True),
        ("def broken(:", True),
    ],
)
def test_the_hosts_config_is_read_and_not_run(tmp_path, monkeypatch, source, enabled):
    trace = tmp_path / "ran"
    line = f"open({str(trace)!r}, 'w').close()\n"
    (tmp_path / "config.py").write_text(line + source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "config", raising=False)

    assert enabled_by_host() is enabled
    assert not trace.exists()
