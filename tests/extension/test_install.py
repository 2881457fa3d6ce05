"""The packed client where authors are: package managers, bundlers, TypeScript, and old Node.js."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

EXTENSION = Path(__file__).parents[2] / "extension"
AUTHORS = Path(__file__).with_name("authors")
BUILT = {
    f"{name}.{kind}"
    for name in ("esbuild", "rollup", "vite", "webpack", "unbundled")
    for kind in ("cjs", "mjs")
}

pytestmark = pytest.mark.stacks


def install_with_npm(authors, tarball, project):
    npm = ("--offline", "--no-audit", "--no-fund", "--engine-strict")
    authors.npm(project, "install", *npm, str(tarball))


def install_with_yarn(authors, tarball, project):
    """Yarn refuses what doesn't say that it runs on this Node.js."""
    authors.node(
        "node_modules/yarn/bin/yarn.js",
        "add",
        f"file:{tarball}",
        "--offline",
        "--non-interactive",
        "--cache-folder",
        project.parent / "yarn",
        version="18",
        cwd=project,
    )


def install_with_pnpm(authors, tarball, project):
    authors.node(
        "node_modules/pnpm/bin/pnpm.cjs",
        "add",
        tarball,
        "--offline",
        "--engine-strict",
        "--store-dir",
        project.parent / "pnpm",
        version="18",
        cwd=project,
    )


MANAGERS = {"npm": install_with_npm, "yarn": install_with_yarn, "pnpm": install_with_pnpm}


@pytest.fixture(scope="module")
def project_of(authors, tarball, tool, tmp_path_factory):
    """An author's extension by the package manager that installed the client into it."""
    made = {}

    def make(manager: str) -> Path:
        if manager not in made:
            project = tmp_path_factory.mktemp(manager) / "project"
            shutil.copytree(AUTHORS / "project", project)
            (project / "package.json").write_text('{"name": "x", "private": true}')
            MANAGERS[manager](authors, tarball, project)
            # After the manager, which would take them away: the editor, and its typings.
            stand_in = project / "node_modules" / "vscode" / "index.js"
            tool(
                "esbuild",
                "test/vscode.ts",
                "--bundle",
                "--platform=node",
                "--format=cjs",
                f"--outfile={stand_in}",
                "--log-level=warning",
            )
            (project / "node_modules" / "@types").symlink_to(authors.modules / "@types")
            made[manager] = project
        return made[manager]

    return make


@pytest.mark.parametrize("manager", MANAGERS)
def test_what_a_package_manager_installs_records_in_what_every_bundler_makes(
    project_of, authors, serve, tmp_path, manager
):
    project = project_of(manager)
    authors.node("bundle.mjs", project)
    bundles = sorted((project / "out").glob("*.[cm]js"))
    assert {path.name for path in bundles} == BUILT
    # One of the three is enough to see what each Node.js makes of them.
    versions = ("18", "20", "") if manager == "npm" else ("20",)
    for version in versions:
        told = json.loads(
            authors.node(
                "run.mjs",
                tmp_path / f"storage{version}",
                *bundles,
                version=version,
                env={"RECEIVER": serve.url},
            )
        )
        assert told.keys() == {str(path) for path in bundles}
        for bundle, status in told.items():
            assert (status["level"], status["problem"]) == ("all", ""), bundle
            assert (status["sent"], status["faults"], status["dropped"]) == (2, 0, {}), bundle
    with closing(sqlite3.connect(serve.home / "cortex.db")) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM telemetry_events").fetchone()
    assert stored == 2 * len(bundles) * len(versions)


def test_a_bundle_for_the_browser_says_that_it_records_nothing_and_why(project_of, authors):
    project = project_of("npm")
    if not (project / "web").exists():
        authors.node("bundle.mjs", project)
    bundles = sorted((project / "web").glob("*.cjs"))
    assert {path.stem for path in bundles} == {"esbuild", "webpack", "vite"}
    assert not any("node:" in path.read_text() for path in bundles)
    for status in json.loads(authors.node("web.mjs", *bundles)).values():
        assert status["level"] == "off"
        assert status["problem"].startswith("web: from a browser")
        assert status["said"] == [f"@cortex/telemetry: {status['problem']}"]


def test_types_hold_however_an_author_resolves_modules_and_checks_libraries(project_of, authors):
    told = json.loads(authors.node("check.mjs", project_of("npm")))
    assert len(told) == 6
    assert {title: complaints for title, complaints in told.items() if complaints} == {}


def test_declarations_need_nobody_elses(project_of, authors, tmp_path):
    package = project_of("npm") / "node_modules" / "@cortex" / "telemetry" / "dist"
    declarations = [package / "index.d.ts", package / "index.d.mts"]
    foreign = re.compile(r"^\s*import\b|\bfrom '|import\(|<reference", re.MULTILINE)
    assert not any(foreign.search(path.read_text()) for path in declarations)
    authors.node(
        "node_modules/typescript5/bin/tsc",
        "--noEmit",
        "--strict",
        "--lib",
        "es2015",
        "--target",
        "es2015",
        *declarations,
        cwd=tmp_path,
    )


def test_what_checks_packages_finds_nothing(authors, tarball):
    authors.node("node_modules/publint/src/cli.js", "run", tarball, "--strict")
    authors.node("node_modules/@arethetypeswrong/cli/dist/index.js", tarball)


def test_what_is_packed_is_whole_and_says_nothing_of_the_machine_it_was_made_on(tarball):
    with tarfile.open(tarball) as archive:
        packed = {
            name.removeprefix("package/"): archive.extractfile(name).read().decode()
            for name in archive.getnames()
        }
    code = {f"dist/{name}.{kind}" for name in ("index", "browser") for kind in ("js", "mjs")}
    others = {"package.json", "README.md", "LICENSE", "dist/THIRD-PARTY.txt"}
    assert packed.keys() == code | others | {"dist/index.d.ts", "dist/index.d.mts"}
    for name, text in packed.items():
        assert str(EXTENSION.parent) not in text, name
        assert "sourceMappingURL" not in text, name
    for name in code:
        assert "THIRD-PARTY.txt" in packed[name].splitlines()[0], name
    assert packed["LICENSE"] == (EXTENSION.parent / "LICENSE").read_text()
    # A reader of the package has no repository beside it.
    assert not re.search(r"\]\((?!https?:|#)", packed["README.md"])
