"""Replacing functions of other packages, and restoring them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patches"]


class Patches:
    """Replaced functions; all of them can be restored."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
        """Replace ``owner.name`` by ``make(original)``.

        Args:
            owner: a class or module.
            name: the function's name; if there is none, nothing happens.
            make: makes the replacement, which calls the original.

        Returns:
            Whether there was something to replace.
        """
        original = getattr(owner, name, None)
        if original is None:
            return False
        replacement = functools.wraps(original)(make(original))
        setattr(owner, name, replacement)
        self._replaced.append((owner, name, original, replacement))
        return True

    def restore(self) -> None:
        """Restore everything that nobody else has replaced since."""
        while self._replaced:
            owner, name, original, replacement = self._replaced.pop()
            if getattr(owner, name, None) is replacement:
                setattr(owner, name, original)
