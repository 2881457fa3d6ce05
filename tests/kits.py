"""Loads what several folders of tests share: files that no import finds, since tests are none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def load(file: str) -> ModuleType:
    """The module of a file below ``tests``, once; by its name it can be imported afterwards."""
    path = Path(__file__).parent / file
    if path.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[path.stem])
    return sys.modules[path.stem]
