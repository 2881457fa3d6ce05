"""What is wrong with a value, said without it."""

from __future__ import annotations

__all__ = ["RefusedValueError"]


class RefusedValueError(ValueError):
    """A parser's reason to refuse a value, in English and without any part of the value.

    So it can be said of a secret, too; the message of any other :class:`ValueError` is never shown.
    """
