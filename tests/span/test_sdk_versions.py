"""The SDK's own tests of spans, tracers, samplers and processors pass with the lean ones.

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
import cortex_otel_exporters
from cortex_otel.span import TESTED_VERSIONS, is_tested

HERE = Path(__file__).parent
# In their order: some of their tests lean on it.
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir=.")
THEIRS = ("-p", "sdk_with_lean_span", "tests/trace")


@pytest.fixture
def alone_importable(tmp_path):
    """Our packages, and nothing else of this environment, on a path."""
    for package in (cortex_otel, cortex_otel_exporters):
        source = Path(package.__file__).parent
        shutil.copytree(source, tmp_path / source.name)
    return tmp_path


def run(python, directory, *arguments, paths):
    settings = paths[0] / "none.ini"  # not those of this project, which lies above
    settings.write_text("[pytest]\n")
    done = subprocess.run(
        (*python, *PYTEST, "-c", settings, *arguments),
        cwd=directory,
        timeout=240,
        check=False,
        capture_output=True,
        text=True,
        # One of their tests starts the `python` that comes first on PATH.
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def assert_enough(output):
    assert int(re.search(r"(\d+) passed", output)[1]) > 240
    assert int(re.search(r"lean spans made: (\d+)", output)[1]) > 60


def test_the_installed_version_is_tested():
    assert is_tested()
    assert not is_tested("1.44.0")
    assert not is_tested("2.0.0")


@pytest.mark.system
def test_their_tests_pass(sdk_tests, tmp_path):
    python, paths = (sys.executable,), (tmp_path, HERE)
    assert_enough(run(python, sdk_tests(installed), *THEIRS, paths=paths))


@pytest.mark.stacks
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", sorted(TESTED_VERSIONS - {installed}))
def test_both_pass_under_the_other_versions(sdk_tests, alone_importable, version):
    directory = sdk_tests(version)
    python = (
        shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"),
        "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable,
        "--with", f"opentelemetry-sdk=={version}", "--with", "pytest", "--with", "hypothesis",
        "python",
    )  # fmt: skip
    paths = (alone_importable, HERE)
    assert_enough(run(python, directory, *THEIRS, paths=paths))
    shutil.copy(HERE / "test_equivalence.py", alone_importable)
    assert " passed" in run(python, alone_importable, "test_equivalence.py", paths=paths)
