"""The SDK's own tests of spans, tracers, samplers and processors pass against the lean ones.

For the installed version here; for the others that `versions.py` names, in environments that uv
makes on the spot (marked `stacks`), together with our own comparison.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.version import __version__ as installed

import cortex_otel
from cortex_otel.span import TESTED_VERSIONS, is_tested

HERE = Path(__file__).parent
PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.")


@pytest.fixture
def alone_importable(tmp_path):
    """This package, and nothing else of this environment, on a path."""
    shutil.copytree(Path(cortex_otel.__file__).parent, tmp_path / "cortex_otel")
    return tmp_path


def run(command, directory, *paths):
    done = subprocess.run(
        command, cwd=directory, check=False, capture_output=True, text=True, timeout=240,
        # One of their tests starts the `python` that comes first on PATH.
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def assert_enough(output):
    assert int(re.search(r"(\d+) passed", output)[1]) > 240
    assert int(re.search(r"lean spans made: (\d+)", output)[1]) > 60


def test_the_installed_version_is_tested():
    assert is_tested()
    assert not is_tested("1.44.0")
    assert not is_tested("2.0.0")


def test_their_tests_pass(sdk_tests):
    command = (sys.executable, *PYTEST[1:], "-p", "sdk_with_lean_span", "tests/trace")
    assert_enough(run(command, sdk_tests(installed), HERE))


@pytest.mark.stacks
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", sorted(TESTED_VERSIONS - {installed}))
def test_both_pass_under_the_other_versions(sdk_tests, alone_importable, version):
    directory = sdk_tests(version)
    uv = (
        shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"),
        "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable,
        "--with", f"opentelemetry-sdk=={version}", "--with", "pytest", "--with", "hypothesis",
    )  # fmt: skip
    paths = (alone_importable, HERE)
    assert_enough(
        run((*uv, *PYTEST, "-p", "sdk_with_lean_span", "tests/trace"), directory, *paths)
    )
    shutil.copy(HERE / "test_equivalence.py", alone_importable)
    assert "passed" in run((*uv, *PYTEST, "test_equivalence.py"), alone_importable, *paths)
