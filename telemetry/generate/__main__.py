"""The command line: see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from telemetry.generate import lint
from telemetry.generate.reading import RegistryError, load
from telemetry.generate.render import render

_PUBLISHED = "telemetry/published.txt"


def main() -> int:
    """Write what the registry says, or check that it is written."""
    parser = argparse.ArgumentParser(prog="python -m telemetry.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where it differs")
    parser.add_argument("--root", type=Path, default=Path(), help="of the tree; here by default")
    arguments = parser.parse_args()
    root: Path = arguments.root
    try:
        registry = load(root / "telemetry")
    except RegistryError as error:
        return _fail(str(error).splitlines())
    published = (root / _PUBLISHED).read_text("utf-8").splitlines()
    problems = lint.problems(registry, published)
    if problems:
        return _fail(problems)
    files = render(registry, root)
    # It only grows: what was once declared may be in a store, or still be sent.
    files[_PUBLISHED] = "".join(f"{name}\n" for name in sorted({*published, *lint.names(registry)}))
    stale = [name for name, text in files.items() if _read(root / name) != text]
    if arguments.check:
        return _fail([f"{name}: out of date; run: make generate" for name in stale])
    for name in stale:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(files[name], encoding="utf-8")
        print(f"wrote {name}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _fail(lines: list[str]) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
