from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "mutation_operators", Path(__file__).with_name("operators.py")
)
operators = sys.modules["mutation_operators"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(operators)


def changed(source):
    """The module after each change, as Python."""
    return [ast.unparse(mutant.tree(source)) for mutant in operators.mutants_of(source)]


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a < b", ["a <= b"]),
        ("a >= b != c", ["a > b != c", "a >= b == c"]),
        ("a is not b in c", ["a is b in c", "a is not b not in c"]),
        ("a and b and c", ["a or b or c"]),
        ("not a", ["a"]),
        ("x = 5", ["x = 6", "x = 4"]),
        ("x = 0.5", ["x = 1.5", "x = -0.5"]),
        ("x = True", ["x = False"]),
        ("x = a if b else c", ["x = a if False else c"]),
        ("if a:\n    b()\nelse:\n    c()", ["if False:\n    b()\nelse:\n    c()"]),
        ("x = ('=', '|')", ["x = ('|',)", "x = ('=',)"]),
        ("x = {'a', 'b'}", ["x = {'b'}", "x = {'a'}"]),
    ],
)
def test_each_operator(source, mutants):
    assert changed(source) == mutants


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 2 lines."""',
        "__all__ = ['a', 'b']",
        "if TYPE_CHECKING:\n    x = 1",
        "x: Literal['a', 'b'] = y",
        "def f(x: Literal[1] = y) -> Literal[2]:\n    pass",
        "@dataclass(frozen=True)\nclass A:\n    pass",
        "Kind = Literal['a', 'b']",
        "x = ('only',)",
        "x = 'text'",
    ],
)
def test_what_no_run_depends_on_is_left_alone(source):
    assert changed(source) == []


def test_a_mutant_is_known_by_its_line_and_change():
    (mutant, _) = operators.mutants_of("\n\nLIMIT = 60  # columns\n")
    assert (mutant.line, mutant.source, mutant.change) == (3, "LIMIT = 60  # columns", "60 → 61")
