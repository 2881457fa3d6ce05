"""Replaced functions of other packages, and their way back."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patches"]


class Patches:
    """What was replaced; all of it can be put back."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
        """Put ``make(original)`` where ``owner.name`` is.

        Args:
            owner: a class or module.
            name: of its function; where there is none, nothing happens.
            make: the replacement of the original, which it calls.

        Returns:
            Whether there was something to replace.
        """
        original = getattr(owner, name, None)
        if original is None:
            return False
        replacement = functools.wraps(original)(make(original))
        setattr(owner, name, replacement)
        self._made.append((owner, name, original, replacement))
        return True

    def restore(self) -> None:
        """Put everything back that nobody else has replaced since."""
        while self._made:
            owner, name, original, replacement = self._made.pop()
            if getattr(owner, name, None) is replacement:
                setattr(owner, name, original)
