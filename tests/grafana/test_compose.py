from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE

pytestmark = pytest.mark.system

COMPOSE = Path(sys.executable).with_name("docker-compose")


def config(root, profile="local", **environ):
    """What the real Compose makes of the file."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CORTEX_")}
    done = subprocess.run(
        [COMPOSE, "-f", root / "docker-compose.yml", "--env-file", os.devnull,
         "--profile", profile, "config", "--format", "json"],
        env={**plain, "HOME": "/home/somebody", **environ}, capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def grafana_service(root):
    return config(root)["services"]["grafana"]


def test_it_is_valid_and_nothing_runs_without_a_profile(root):
    services = config(root)["services"]
    assert list(services) == ["grafana"]
    assert config(root, profile="none").get("services", {}) == {}


def test_it_can_do_little(grafana_service):
    assert grafana_service["read_only"] is True
    assert grafana_service["cap_drop"] == ["ALL"]
    assert grafana_service["security_opt"] == ["no-new-privileges:true"]
    assert grafana_service["tmpfs"]
    assert int(grafana_service["mem_limit"]) <= 1 << 30
    assert grafana_service["pids_limit"]
    assert grafana_service["cpus"]
    assert "privileged" not in grafana_service
    assert grafana_service["logging"]["options"]["max-size"]


def test_it_can_be_reached_from_this_machine_alone(grafana_service):
    (port,) = grafana_service["ports"]
    assert (port["host_ip"], port["target"], port["published"]) == ("127.0.0.1", 3000, "3000")


def test_versions_are_pinned(grafana_service):
    assert re.fullmatch(r"grafana/grafana:12\.4\.\d+", grafana_service["image"])
    environ = grafana_service["environment"]
    assert environ["GF_PLUGINS_PREINSTALL_SYNC"] == "frser-sqlite-datasource@4.0.3"
    assert "GF_INSTALL_PLUGINS" not in environ  # deprecated


def test_the_directory_is_mounted_and_not_the_file(grafana_service):
    mounts = {each["target"]: each for each in grafana_service["volumes"]}
    database = Path(grafana_service["environment"]["CORTEX_DATABASE"])
    home = mounts[str(database.parent)]
    assert home["source"] == "/home/somebody/.cortex/telemetry"
    # Else it would be made, and belong to root.
    assert home["bind"]["create_host_path"] is False
    # Writable: a reader of a WAL database needs the -shm file beside it.
    assert not home.get("read_only")
    assert str(database) not in mounts
    assert mounts["/etc/cortex-grafana"]["read_only"] is True
    assert mounts["/var/lib/grafana"]["type"] == "volume"


def test_it_runs_as_the_writer(root, grafana_service):
    assert grafana_service["user"] == "1000:1000"
    service = config(root, CORTEX_UID="501", CORTEX_GID="20")["services"]["grafana"]
    assert service["user"] == "501:20"


def test_it_is_hardened_and_sends_nothing(grafana_service):
    environ = grafana_service["environment"]
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environ  # made at the first start
    for name in (
        "AUTH_ANONYMOUS_ENABLED", "USERS_ALLOW_SIGN_UP", "ANALYTICS_REPORTING_ENABLED",
        "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "NEWS_NEWS_FEED_ENABLED", "SNAPSHOTS_EXTERNAL_ENABLED", "PUBLIC_DASHBOARDS_ENABLED",
    ):  # fmt: skip
        assert environ[f"GF_{name}"] == "false"
    assert environ["GF_SECURITY_DISABLE_GRAVATAR"] == "true"


def test_what_it_starts_with_is_there(root, grafana_service):
    script = Path(grafana_service["entrypoint"][1]).relative_to("/etc/cortex-grafana")
    assert (root / "grafana" / script).is_file()
    # Grafana unpacks the plugin there: its archive is larger than the /tmp.
    assert grafana_service["environment"]["TMPDIR"] == "/var/lib/grafana"


def test_every_variable_is_in_the_example_and_none_else(root):
    text = (root / "docker-compose.yml").read_text(encoding="utf-8")
    current = [line for line in text.splitlines() if not line.endswith("# its old name")]
    used = set(re.findall(r"\$\{(\w+)", "\n".join(current)))
    example = (root / ".env.example").read_text(encoding="utf-8")
    told = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert used == told


def test_provisioning_files_are_yaml_that_grafana_takes(grafana):
    (source,) = yaml.safe_load(
        (grafana / "provisioning/datasources/cortex.yaml").read_text(encoding="utf-8")
    )["datasources"]
    assert (source["type"], source["uid"]) == ("frser-sqlite-datasource", "cortex-sqlite")
    # A second default datasource would stop an installed Grafana.
    assert not source.get("isDefault")
    options = source["jsonData"]
    assert options["pathPrefix"] == "file:"
    assert options["pathOptions"] == "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)"
    assert options["attachLimit"] == 0
    assert "immutable" not in str(options)  # would show stale numbers
    (provider,) = yaml.safe_load(
        (grafana / "provisioning/dashboards/cortex.yaml").read_text(encoding="utf-8")
    )["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["updateIntervalSeconds"] > 10
    # With foldersFromFilesStructure the folder would have to be empty.
    assert provider["folder"]
    assert "foldersFromFilesStructure" not in provider["options"]
    assert sorted(path.name for path in (grafana / "provisioning").iterdir()) == [
        "alerting",
        "dashboards",
        "datasources",
        "plugins",
    ]
