import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent / "benchmarks"
NAMES = sorted(file.stem for file in HERE.glob("*.py") if "harness.main(" in file.read_text())


def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_runs(name):
    done = run(HERE / f"{name}.py", "--quick", "--json")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["name"] == name
    assert result["quick"] is True
    assert all(
        len(row) == len(table["columns"]) for table in result["tables"] for row in table["rows"]
    )


@pytest.mark.system
def test_the_page_says_what_the_results_say():
    done = run(HERE / "report.py", "--check")

    assert done.returncode == 0, done.stderr


def test_every_benchmark_is_on_the_page():
    assert set(json.loads((HERE / "results.json").read_text())) == set(NAMES)
