from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import cortex_otel
import cortex_otel_exporters

ENTRY_POINTS = {
    "console_scripts": {"cortex-otel"},
    "opentelemetry_configurator": {"cortex"},
    "opentelemetry_distro": {"cortex"},
    "opentelemetry_environment_variables": {"cortex"},
    "opentelemetry_instrumentor": {"cortex", "cortex_mcp"},
    "opentelemetry_logs_exporter": {"cortex_sqlite"},
    "opentelemetry_metrics_exporter": {"cortex_sqlite"},
    "opentelemetry_resource_detector": {"cortex"},
    "opentelemetry_traces_exporter": {"cortex_sqlite"},
    "opentelemetry_traces_sampler": {"cortex"},
}

in_wheel_runs = pytest.mark.skipif(
    not {"CORTEX_TEST_WHEEL", "CORTEX_REQUIRE_ALL"} & os.environ.keys(),
    reason="the package is installed from the tree here; CI installs the wheel",
)


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def files_in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_version_is_the_same_everywhere(project, root):
    version = project["project"]["version"]
    assert cortex_otel.__version__ == version
    assert metadata.version("cortex-otel") == version
    assert f"\n## {version}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.system
@in_wheel_runs
def test_what_is_tested_is_the_installed_wheel():
    site_packages = Path(sysconfig.get_path("purelib")).resolve()
    for package in (cortex_otel, cortex_otel_exporters):
        assert Path(package.__file__).resolve().is_relative_to(site_packages)
    asked = [sys.executable, "-c", "import cortex_otel; print(cortex_otel.__file__)"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(told).resolve().is_relative_to(site_packages)


@in_wheel_runs
def test_nothing_of_the_tree_is_on_the_path(root):
    tree = (root, root / "exporters")
    assert [place for place in sys.path if Path(place).resolve() in tree] == []


@pytest.mark.system
def test_the_wheel_holds_every_file_of_both_packages(files_in_wheel, tracked, root):
    expected = set()
    for path in tracked:
        name = path.relative_to(root).as_posix().removeprefix("exporters/")
        if name.startswith(("cortex_otel/", "cortex_otel_exporters/")):
            expected.add(name)
        elif name.startswith("grafana/"):
            expected.add(f"cortex_otel/show/grafana/files/{name.removeprefix('grafana/')}")
    assert {"cortex_otel/py.typed", "cortex_otel_exporters/py.typed"} <= expected
    assert "cortex_otel/query/sql/tools.sql" in expected
    assert expected == {name for name in files_in_wheel if ".dist-info/" not in name}


@pytest.mark.system
def test_the_wheel_holds_the_licence(files_in_wheel):
    assert any(name.endswith("/licenses/LICENSE") for name in files_in_wheel)


@pytest.mark.system
def test_the_wheel_announces_what_opentelemetry_looks_for(wheel):
    (distribution,) = metadata.distributions(path=[str(wheel)])
    announced: dict[str, set[str]] = {}
    for entry_point in distribution.entry_points:
        announced.setdefault(entry_point.group, set()).add(entry_point.name)
    assert announced == ENTRY_POINTS


@pytest.mark.parametrize("group", sorted(ENTRY_POINTS))
def test_each_entry_point_can_be_loaded(group):
    for entry_point in metadata.entry_points(group=group):
        if entry_point.dist is not None and entry_point.dist.name == "cortex-otel":
            assert entry_point.load() is not None


def test_opentelemetry_distro_is_no_dependency(project):
    assert not any("distro" in each for each in project["project"]["dependencies"])


@pytest.mark.parametrize("name", ["dev.lock", "uv.lock"])
def test_every_pin_of_the_lock_has_hashes(root, name):
    lines = (root / "requirements" / name).read_text(encoding="utf-8").splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9-]+==", line)]
    assert pins
    assert [lines[number] for number in pins if "--hash=sha256:" not in lines[number + 1]] == []
