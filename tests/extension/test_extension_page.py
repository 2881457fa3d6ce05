"""What the sample extension records, on the Extension page of the web admin."""

from __future__ import annotations

import sys

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.system


def test_the_extension_page_shows_what_the_sample_recorded(drive, serve_with, chromium, tmp_path):
    serve = serve_with(only="")
    drive(
        "sample",
        {
            "user": "alice", "tier": "paid", "queries": ["budget"], "events": 0,
            "server": [sys.executable, "-m", "cortex_otel.demo.server"],
            "editor": {"uriScheme": "windsurf", "appName": "Windsurf"},
            "storage": str(tmp_path / "storage"), "endpoint": serve.url,
        },
        env={"CORTEX_OTEL_HOME": str(serve.home)},
    )  # fmt: skip
    chromium.goto(serve.admin.replace("/overview", "/extension"))
    for text in ("windsurf", "command search", "RangeError"):
        chromium.get_by_text(text).first.wait_for(state="attached", timeout=PATIENCE * 1000)
    said = chromium.inner_text("main")
    for card, value in (("Installations", "1"), ("Interactions", "1"), ("Lines inserted", "3")):
        assert f"{card}\n{value}\n" in said


@pytest.mark.parametrize("element", ["<img src=x onerror=alert(1)>", "'; DROP TABLE events; --"])
def test_a_hostile_name_never_comes_as_far_as_the_page(drive, serve_with, tmp_path, element):
    """It isn't a name of a program: it left the editor as a hash."""
    serve = serve_with()
    told = drive(
        "click",
        {"element": element, "storage": str(tmp_path / "storage"), "endpoint": serve.url},
    )
    assert told["sent"] == 1
    stored = b"".join(path.read_bytes() for path in serve.home.rglob("*") if path.is_file())
    assert b"onerror" not in stored
    assert b"DROP TABLE events" not in stored
