from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # The SDK would rather make v2 dashboards, which Grafana 12.4 and 13 don't provision from files.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import cortex_otel.show.grafana  # noqa: F401 - imported here, where the warning is expected

HERE = Path(__file__).parent


def _loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plugin = _loaded("grafana_plugin", HERE / "plugin.py")
if "seeding" not in sys.modules:
    _loaded("seeding", HERE.parent / "query" / "seeding.py")
import seeding  # noqa: E402

LANGUAGES = ("en", "ko")


@pytest.fixture(scope="session")
def root():
    return HERE.parents[1]


@pytest.fixture(scope="session")
def grafana(root):
    return root / "grafana"


@pytest.fixture(scope="session")
def dashboards(grafana):
    """The committed dashboards by language and uid."""
    found = {}
    for language in LANGUAGES:
        files = sorted((grafana / "dashboards" / language).glob("*.json"))
        plain = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        assert [path.stem for path in files] == [each["uid"] for each in plain]
        found[language] = {each["uid"]: each for each in plain}
    return found


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """Enough events for both ways to answer: from the events, and from roll-ups."""
    path = tmp_path_factory.mktemp("grafana") / "cortex.db"
    return seeding.build(path, seeding.random_events(70_000, days=50, users=150))


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    return seeding.build(tmp_path_factory.mktemp("grafana") / "empty.db", [])


@pytest.fixture(scope="session")
def grafana_over(seeded):
    over = plugin.Plugin(seeded)
    yield over
    over.close()
