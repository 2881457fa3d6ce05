import os
import sys
import types
from dataclasses import fields
from pathlib import Path

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
    "CORTEX_OTEL_SPAN": "fat",
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


# --- In code ------------------------------------------------------------------------------------

FULL_WIDTH = "\uff11"  # a one, to `int` and `float`
SENSELESS = {
    "enabled": ["maybe", 2, 1.0, b"true", [True], object()],
    "home": ["", " ", "a\0b", 5.5j, b"/tmp", "~nobody-of-that-name/x", __file__, object()],
    "service": ["", "a b", "é", "x" * 65, "-", "a/b", "mcp\n"[:-1] + "!", object()],
    "tier": ["gold", "Free!", 2, b"free", object()],
    "user_id": [b"alice", True, object()],
    "user_hash_key": [b"key", "  ", True, ["key"], object()],
    "sampling": [
        "x=0.5",
        "span=0",
        "span=1.1",
        "span=nan",
        "span=inf",
        "span=-0.5",
        "span=1_0",
        f"span={FULL_WIDTH}",
        "span=0.1,span=0.5",
        0.5,
        {"span": 2},
        {"span": "half"},
        {"span": None},
        {"span=0.5,*": 0.1},
        {"nope": 0.5},
        object(),
    ],
    "allow_attributes": ["*", "a*", ".*", "a b", ["a,b"], [5], b"a", object()],
    "capture_content": ["perhaps", 3, object()],
    "allow_other_exporters": ["2"],
    "other_exporters_get_raw_personal_data": ["perhaps", 3, object()],
    "otlp_endpoint": ["collector", "ftp://x", "http://u:p@x", b"http://x", ["http://x"], True],
    "otlp_headers_file": ["/nowhere/at/all", "a\0b", "~nobody-of-that-name/x", b"x", object()],
    "client_errors": ["perhaps", 3, object()],
    "trace_context_to_clients": ["perhaps", 3, object()],
    "soft_errors": [["a,b"], [5], b"a", object()],
    "baggage": [
        "user",
        "user=",
        "who=x",
        "user=a,user=b",
        {"user": "a,b"},
        {"who": "x"},
        object(),
    ],
    "span": ["fat", None.__class__],
    "log_file": ["perhaps", 3, object()],
    "log_file_directory": [" ", "a\0b", "~nobody-of-that-name/x", __file__, b"/tmp", object()],
    "log_file_level": ["loud", "trace", 10, b"info", ["info"], object()],
    "log_file_rotate_mb": [0, -1, 100_001, "1.5", FULL_WIDTH, True, [1]],
    "log_file_plain_days": [-1, 36_501, "a week"],
    "log_file_days": [0, 36_501, "for ever", None.__class__],
    "log_file_max_mb": [3, 10_000_001, "1GB"],
    "queue_size": [
        63,
        1_000_001,
        100.0,
        "1e3",
        FULL_WIDTH * 3,
        "1_000",
        True,
        float("nan"),
        "0x40",
        [64],
    ],
    "flush_interval_ms": [0, 60_001, "250ms", 250.0],
    "exit_timeout_ms": [-1, 60_001, float("inf")],
    "metrics_interval_ms": [99, 86_400_001],
    "identity_ttl_ms": [-1, 3_600_001, "\u0661"],
    "admin_host": ["a b", "http://x", object()],
    "admin_port": [-1, 65_536, "80a"],
    "admin_token": ["short", "with blanks in it all", "x" * 257, b"x" * 20],
    "time_zone": ["Seoul", "Asia", "../etc/passwd", "Asia/", object()],
    "receiver_host": ["a b", "", object()],
    "receiver_port": [-1, 65_536, 43.18],
    "receiver_token": ["short", "é" * 20, b"x" * 20],
    "report": ["maybe", 2, object()],
    "report_language": ["fr", "en,ko", object()],
    "report_weeks": ["0", "1041", "x", 0, True],
    "receiver_services": ["shop", "=web", "shop=", "a=b c", "a=web,a=mcp", {"a": "b,c"}, object()],
    "jobs": ["perhaps", 3, object()],
    "admin_url": ["admin", "ftp://x", "http://u:p@x", object()],
    "slack_webhook_url": ["hooks", "http://hooks.example", "https://u:p@x", object()],
    "alert_webhook_url": ["x", "http://example.org/hook", "https://x/#f", object()],
    "alert_webhook_key": ["short", "whsec_", object()],
    "alert_command": ["'unclosed", object()],
    "alert_rules": ["everything", ["error_rate", "x"], object()],
    "alert_services": ["a b", ["a,b"], object()],
    "alert_error_rate": [0, 1.5, "5%", object()],
    "alert_response_ms": [0, -1, "1s", object()],
    "alert_window_minutes": [0, 1.5, "5m", object()],
    "alert_min_events": [0, "many", object()],
    "alert_disk_free_mb": [-1, "1GB", object()],
    "alert_quiet_hours": ["22-8", "22:00", "25:00-08:00", "08:00-08:00", object()],
    "retention_event_days": [-1, 36_501, 1.5],
    "retention_rollup_days": [-1, 36_501, "week"],
    "max_database_mb": [-1, 1_000_001, "1GB"],
    "backup_target": ["s3://", "s3://Bucket", "gs://b", "relative", "s3://k:s@b", object()],
    "backup_recipients": ["age1short", "AGE-SECRET-KEY-1", "ssh-dss AAAA", object()],
    "backup_identity": ["  ", "~nobody-of-that-name/key", object()],
    "backup_endpoint": ["localhost:9000", "https://u:p@s3", "https://s3/?a=b", object()],
    "backup_keep": ["daily", "yearly=1", "daily=-1", "daily=1,daily=2", {"daily": "x"}, object()],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in SENSELESS.items() for value in values],
)
def test_nonsense_in_code_is_one_line(name, value):
    with pytest.raises(SettingError) as caught:
        read_environment({}, overrides={name: value})
    line = str(caught.value)
    (setting,) = [setting for setting in fields(Settings) if setting.name == name]
    assert line.startswith(f"{name}=")
    assert line.endswith(setting.metadata["allowed"])
    assert "\n" not in line
    assert " at 0x" not in line
    if isinstance(value, (str, int, float)) and not setting.metadata["secret"]:
        assert repr(value) in line


def test_every_setting_is_tried():
    assert SENSELESS.keys() == {setting.name for setting in fields(Settings)}


def test_a_long_value_is_cut():
    with pytest.raises(SettingError) as caught:
        read_environment({"CORTEX_OTEL_QUEUE_SIZE": "9" * 100_000})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "overrides",
    [
        {"user_hash_key": b"s3cret"}, {"user_hash_key": ["s3cret"]}, {"user_hash_kye": "s3cret"},
        {"hash_key": "s3cret"}, {"user_id": b"s3cret"}, {"user_id": ["s3cret"]},
    ],
)  # fmt: skip
def test_a_secret_is_never_shown(overrides):
    with pytest.raises(SettingError) as caught:
        read_environment({}, overrides=overrides)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    settings = read_environment({"CORTEX_OTEL_USER_HASH_KEY": "s3cret"})
    assert settings.user_hash_key == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_mistyped_setting_is_told_what_it_may_have_meant():
    with pytest.raises(SettingError, match="is queue_size meant"):
        read_environment({}, overrides={"queue_sise": 100})


def test_only_what_makes_no_sense_falls_back():
    lines = []
    settings = read_environment(
        {"CORTEX_OTEL_QUEUE_SIZE": "many", "CORTEX_OTEL_SERVICE": "web"}, warn=lines.append
    )
    assert (settings.queue_size, settings.service) == (65536, "web")
    assert lines[0].endswith("; using the default")


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("enabled", "OFF", False), ("enabled", 0, False), ("queue_size", " 64 ", 64),
        ("service", "my-own_1", "my-own_1"), ("tier", " Paid ", "paid"), ("user_id", 7, "7"),
        ("sampling", {"span": 0.5, "*": 1}, {"span": 0.5, "*": 1.0}), ("sampling", {}, {}),
        ("allow_attributes", ["a", "b.*"], ("a", "b.*")), ("allow_attributes", "a, b", ("a", "b")),
        ("soft_errors", ["Error:", "No"], ("Error:", "No")), ("client_errors", "off", False),
        ("baggage", "user=user.id, tier = t", {"user": "user.id", "tier": "t"}),
        ("baggage", {"session": "s"}, {"session": "s"}),
        ("user_hash_key", "", None), ("capture_content", True, True),
    ],
)  # fmt: skip
def test_what_makes_sense_is_taken(name, given, read):
    assert getattr(read_environment({}, overrides={name: given}), name) == read
    if isinstance(given, str) and given:
        (setting,) = [setting for setting in fields(Settings) if setting.name == name]
        assert getattr(read_environment({setting.metadata["environment"]: given}), name) == read


def test_none_and_an_empty_variable_are_as_if_not_given():
    environ = {"CORTEX_OTEL_SERVICE": "web", "CORTEX_OTEL_USER_TIER": ""}
    settings = read_environment(environ, overrides={"service": None, "home": None})
    assert settings == read_environment({"CORTEX_OTEL_SERVICE": "web"})


def test_a_relative_home_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = read_environment({"CORTEX_OTEL_HOME": "here"}).home
    assert home == tmp_path / "here"


def test_a_user_without_a_home_does_not_stop_the_host(monkeypatch):
    def nowhere(_path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nowhere)
    assert read_environment({}).home == Path(os.devnull) / "cortex"


# --- The host's config.py -----------------------------------------------------------------------


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script of a host that has a config.py beside it; nothing of it is on the path."""
    monkeypatch.delitem(sys.modules, "config", raising=False)
    directory = tmp_path / "host"
    directory.mkdir()
    monkeypatch.setattr(sys, "orig_argv", ["python", str(directory / "server.py"), "x.txt"])
    return directory / "config.py"


def test_the_scripts_own_directory_is_looked_in(script, monkeypatch):
    script.write_text("TELEMETRY_ENABLED = False")
    assert not enabled_by_host()
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "server"])
    assert enabled_by_host()
    monkeypatch.chdir(script.parent)
    assert not enabled_by_host()


def test_an_imported_module_wins_over_the_file(script, monkeypatch):
    script.write_text("TELEMETRY_ENABLED = False")
    module = types.ModuleType("config")
    monkeypatch.setitem(sys.modules, "config", module)
    assert enabled_by_host()
    module.TELEMETRY_ENABLED = False
    assert not enabled_by_host()
    script.write_text("TELEMETRY_ENABLED = True")
    assert not enabled_by_host()


@pytest.mark.parametrize(
    ("source", "enabled"),
    [
        (b"TELEMETRY_ENABLED = 0", False), (b"TELEMETRY_ENABLED = None", False),
        (b"A = TELEMETRY_ENABLED = False", False),
        (b"TELEMETRY_ENABLED = False\nTELEMETRY_ENABLED = True", True),
        (b"TELEMETRY_ENABLED = not True", True), (b"TELEMETRY_ENABLED: bool", True),
        (b"a.TELEMETRY_ENABLED = False", True), (b"\0", True), (b"\xff\xfe", True),
        (b"# coding: nonsense\nTELEMETRY_ENABLED = False", True), (b"(" * 5000, True),
        (b"x = " + b"-" * 100_000 + b"1", True), (b"", True),
    ],
)  # fmt: skip
def test_a_config_of_any_content_is_read(script, source, enabled):
    script.write_bytes(source)
    assert enabled_by_host() is enabled


def test_a_module_that_raises_when_asked_leaves_telemetry_on(monkeypatch):
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "config", Odd())
    assert enabled_by_host()
