"""What is changed in a module, one change a mutant.

Bounds (``<`` and ``<=``), equality, membership and identity; whole numbers by one, ``True`` and
``False``; ``and`` and ``or``; a ``not`` removed; a branch never taken; one element fewer in a short
literal collection of texts. What can't change a result isn't touched: docstrings, annotations,
decorators, ``__all__``, what only a type checker reads.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Mutant", "mutants_of"]

_SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_MAX_ELEMENTS = 16  # longer collections are data, which tests of their own compare
_MAX_SHOWN = 100  # characters of a description


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    line: int
    """Where, from 1."""
    source: str
    """That line, stripped: what an accepted survivor is known by when lines move."""
    change: str
    """``before → after``, as Python."""
    _path: tuple[tuple[str, int | None], ...]
    _apply: Callable[[ast.AST], ast.AST]

    def tree(self, source: str) -> ast.Module:
        """The module of ``source`` with this change."""
        tree = ast.parse(source)
        *way, (name, index) = self._path
        parent: ast.AST = tree
        for step in way:
            parent = _child(parent, step)
        mutated = ast.fix_missing_locations(
            ast.copy_location(self._apply(node := _child(parent, (name, index))), node)
        )
        if index is None:
            setattr(parent, name, mutated)
        else:
            getattr(parent, name)[index] = mutated
        return tree


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    lines = source.splitlines()
    for path, node in _nodes(ast.parse(source), ()):
        for apply in _changes(node):
            before = ast.unparse(node)
            after = ast.unparse(apply(node))
            line = getattr(node, "lineno", 0)
            change = f"{_short(before)} → {_short(after)}"
            yield Mutant(line, lines[line - 1].strip(), change, path, apply)


def _short(code: str) -> str:
    one_line = " ".join(code.split())
    return one_line if len(one_line) <= _MAX_SHOWN else f"{one_line[:_MAX_SHOWN]}…"


def _child(node: ast.AST, step: tuple[str, int | None]) -> ast.AST:
    name, index = step
    found = getattr(node, name)
    return found if index is None else found[index]


def _nodes(
    node: ast.AST, path: tuple[tuple[str, int | None], ...]
) -> Iterator[tuple[tuple[tuple[str, int | None], ...], ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or _is_unread(child):
                continue
            below = (*path, (name, index))
            yield below, child
            yield from _nodes(child, below)


def _is_unread(node: ast.AST) -> bool:
    """Whether no run of the program depends on it."""
    match node:
        case (
            ast.Expr(value=ast.Constant())  # a docstring
            | ast.If(test=ast.Name(id="TYPE_CHECKING"))
            | ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")])
            | ast.AnnAssign(annotation=ast.Name(id="TypeAlias"))
            | ast.Subscript(value=ast.Name(id="Literal"))
            | ast.Call(func=ast.Name(id="TypeVar" | "NewType" | "cast"))
        ):
            return True
    return False


def _changes(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                if type(operator) in _SWAPS:
                    yield _swapped(place)
        case ast.BoolOp():
            yield _other_junction
        case ast.UnaryOp(op=ast.Not()):
            yield lambda node: node.operand  # type: ignore[attr-defined]
        case ast.Constant(value=bool()):
            yield lambda node: ast.Constant(not node.value)  # type: ignore[attr-defined]
        case ast.Constant(value=int() | float()):
            yield _plus(1)
            yield _plus(-1)
        case ast.If() | ast.IfExp():
            yield _never
        case ast.Tuple(elts=elements) | ast.Set(elts=elements) | ast.List(elts=elements):
            texts = all(
                isinstance(one, ast.Constant) and isinstance(one.value, str) for one in elements
            )
            if texts and 1 < len(elements) <= _MAX_ELEMENTS:
                for place in range(len(elements)):
                    yield _without(place)


def _swapped(place: int) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        operators = list(node.ops)
        operators[place] = _SWAPS[type(operators[place])]()
        return ast.Compare(node.left, operators, node.comparators)

    return apply


def _other_junction(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _plus(number: int) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Constant)
        return ast.Constant(node.value + number)

    return apply


def _never(node: ast.AST) -> ast.AST:
    false = ast.Constant(value=False)
    if isinstance(node, ast.If):
        return ast.If(false, node.body, node.orelse)
    assert isinstance(node, ast.IfExp)
    return ast.IfExp(false, node.body, node.orelse)


def _without(place: int) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Tuple | ast.Set | ast.List)
        rest = [one for index, one in enumerate(node.elts) if index != place]
        return ast.Set(rest) if isinstance(node, ast.Set) else type(node)(rest, node.ctx)

    return apply
