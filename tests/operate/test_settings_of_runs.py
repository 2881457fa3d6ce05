"""A run has exactly the settings of the `serve` that starts it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cortex_otel.operate.job import DAILY, Job
from cortex_otel.operate.switches import is_on, switches
from cortex_otel.settings import Settings, read_environment, to_environment

CODE = {
    "home": Path("/somewhere/else ü"),
    "admin_port": 0,
    "admin_token": "a-secret-of-some-length",
    "user_id": "Someone Else",
    "sampling": {"span": 0.5, "*": 0.25},
    "receiver_services": {"my-shop": "web"},
    "allow_attributes": ("a.b", "c.*"),
    "capture_content": True,
    "jobs": False,
    "time_zone": "Asia/Seoul",
}


def test_settings_from_code_reach_another_process():
    environ = {"CORTEX_OTEL_ADMIN_PORT": "9", "CORTEX_OTEL_SERVICE": "web", "PATH": "/bin"}
    settings = read_environment(environ, overrides=CODE)
    more = to_environment(settings, environ)
    assert read_environment(environ | more) == settings
    assert "CORTEX_OTEL_SERVICE" not in more  # it has that already
    assert to_environment(settings, environ | more) == {}


def test_what_the_environment_says_and_code_does_not_is_taken_back():
    environ = {"CORTEX_OTEL_USER_TIER": "paid", "CORTEX_OTEL_SAMPLING": "span=0.5"}
    settings = dataclasses.replace(read_environment(environ), tier=None, sampling={})
    assert read_environment(environ | to_environment(settings, environ)) == settings


def test_a_job_s_switches_are_the_settings_that_it_looks_at():
    settings = Settings()
    job = Job(
        name="x", title="", cadence=DAILY, run=lambda _: "",
        is_on=lambda s: s.capture_content and s.jobs and s.database.exists(),
    )  # fmt: skip
    assert switches(job, settings) == ("CORTEX_OTEL_CAPTURE_CONTENT",)
    assert not is_on(job, settings)
    broken = dataclasses.replace(job, is_on=lambda _: 1 / 0)
    assert is_on(broken, settings)
    assert switches(broken, settings) == ()
