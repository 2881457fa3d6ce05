"""How a setting is declared, and how those of all subjects become one dataclass.

To a type checker each subject is a dataclass that :class:`~cortex_otel.settings.Settings` inherits
from. At run time only ``Settings`` is one: eleven would double what settings cost a host's start.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as subject
else:

    def subject(**_: bool) -> Callable[[type], type]:
        """Mark a class as the settings of one subject."""
        return lambda cls: cls


__all__ = ["gather", "setting", "subject"]

_T = TypeVar("_T")


def gather(cls: type[_T]) -> type[_T]:
    """Declare what the bases of ``cls``, each a subject, declare in ``cls`` itself, in order."""
    annotations: dict[str, Any] = {}
    for base in cls.__bases__:
        annotations |= base.__annotations__
        for name in base.__annotations__:
            setattr(cls, name, vars(base)[name])
    cls.__annotations__ = annotations
    return cls


def setting(
    environment: str,
    *,
    default: Any,
    parse: Callable[[str], Any],
    allowed: str,
    unit: str = "",
    secret: bool = False,
    many: bool = False,
) -> Any:
    """Declare a field of :class:`~cortex_otel.settings.Settings`.

    Args:
        environment: its environment variable.
        default: its value if nobody says, or what makes it.
        parse: from text to a value; raises ``ValueError`` if it makes no sense.
        allowed: what ``parse`` takes, in words.
        unit: of a number.
        secret: its value is never shown.
        many: in code it may be a list or mapping too, as which its text is read.
    """
    metadata = {
        "environment": environment,
        "parse": parse,
        "allowed": allowed,
        "unit": unit,
        "secret": secret,
        "many": many,
    }
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)
