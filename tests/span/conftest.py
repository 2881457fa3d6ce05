"""The SDK's own tests, from its source distribution.

It comes from the package registry. Without it the tests are skipped; with `CORTEX_REQUIRE_ALL=1`
they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 240


def registry(*command, **options) -> None:
    """Run what needs the package registry."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        **options,
    )
    if done.returncode:
        what = f"{' '.join(map(str, command))} failed: {done.stderr[-800:]}"
        if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
            pytest.fail(what)
        pytest.skip(f"{what}\n(needs the package registry; CORTEX_REQUIRE_ALL=1: a failure)")


@pytest.fixture(scope="session")
def sdk_tests():
    """Where the tests of a version of the SDK are: a directory that holds `tests/trace`."""

    def get(version: str) -> Path:
        home = ROOT / ".stacks" / "sdk-tests"
        directory = home / f"opentelemetry_sdk-{version}"
        if not (directory / "tests" / "trace").is_dir():
            registry(
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-binary",
                ":all:",
                "-d",
                home,
                f"opentelemetry-sdk=={version}",
            )
            with tarfile.open(home / f"opentelemetry_sdk-{version}.tar.gz") as archive:
                archive.extractall(home, filter="data")
        return directory

    return get
