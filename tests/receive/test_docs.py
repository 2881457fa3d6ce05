"""What docs/how-to/receiver.md says is so."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from receiver_kit import JSON

from cortex_otel.receive import app, commit, intake, plain, protocol

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "receiver.md").read_text(encoding="utf-8")


def test_its_limits():
    for said in (
        f"{protocol.HEAD_SECONDS:.0f} seconds and {protocol.HEAD_BYTES // 1024} KiB",
        f"a body {app.BODY_SECONDS:.0f} seconds",
        f"{protocol.MAX_CONNECTIONS} connections",
        f"{commit.MAX_QUEUED:,} waiting",
        f"{commit.MAX_QUEUED_BYTES // 1024**2} MiB of waiting",
        f"{intake.MAX_BYTES // 1024**2} MiB, before and after",
        f"a list of up to {plain.MAX_EVENTS}",
        *(path.rpartition("/")[2] for path in (*plain.ROUTES, *intake.SIGNALS)),
    ):
        assert said in PAGE.replace("\n", " ")


@pytest.mark.system
def test_its_commands(shared):
    (command,) = re.findall(r"^(curl .*?)\n```", PAGE, re.DOTALL | re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    path = words[1].removeprefix("http://127.0.0.1:4318")
    body = words[words.index("-d") + 1]
    assert shared.post(path, body, **JSON).json()["accepted"] == 1


@pytest.mark.system
def test_its_example_of_a_refused_event(shared):
    (shown,) = (json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", PAGE))
    events = [{"language": "python", "lines_inserted": 1} for _ in range(100)]
    events[7]["lines_inserted"] = -1
    answer = shared.post("/api/telemetry/extension/code-insert", json.dumps(events), **JSON)
    assert answer.json() == shown
