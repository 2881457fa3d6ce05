"""Makes the environments that tests run in, beside the first of the tests: `.ci/tests` starts it.

Each has a lock and a stamp of its own (see the files it is made by), so a test that comes first
makes it, or waits for it. What can't be made here says so in the test that needs it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

TESTS = Path(__file__).parent
#: Most of the time is spent waiting for a registry; npm and the Go compiler use all cores anyway.
AT_ONCE = 2


def loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def makers(directory: Path) -> list[Callable[[], object]]:
    """In the order in which tests ask for them."""
    loaded("patience", TESTS / "patience.py")
    extension = loaded("extension_conftest", TESTS / "extension" / "conftest.py")
    collector = loaded("real_collector", TESTS / "privacy" / "real_collector.py")
    prometheus = loaded("real_prometheus", TESTS / "web" / "prometheus" / "real_prometheus.py")
    s3_server = loaded("s3_server", TESTS / "operate" / "backup" / "s3_server.py")
    stacks = loaded("stacks_conftest", TESTS / "stacks" / "conftest.py")
    wheel = stacks.build_wheel(directory)
    return [
        extension.install_packages,
        collector.build,
        *(partial(prometheus.build, name) for name in prometheus.PROGRAMS),
        s3_server.build,
        *(stacks.Stack(name, wheel).make for name in stacks.FAMILIES),
        extension.install_authors,
        extension.install_code_server,
        *(stacks.Stack(name, wheel).make for name in stacks.STACKS if name not in stacks.FAMILIES),
    ]


def attempt(make: Callable[[], object]) -> None:
    with contextlib.suppress(BaseException):  # pytest's `skip` and `fail` are no `Exception`
        make()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(attempt, makers(Path(directory))))
