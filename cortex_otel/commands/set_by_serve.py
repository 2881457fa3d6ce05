"""What to do where ``serve`` has a setting that this shell hasn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.operate.announcement import Announced
    from cortex_otel.settings import Settings

__all__ = ["set_by_serve"]


def set_by_serve(settings: Settings, has_it: Callable[[Announced], bool]) -> str:
    """The end of a complaint that something isn't set; empty if no ``serve`` has it either.

    Args:
        settings: the home.
        has_it: whether that ``serve`` has it set.
    """
    from cortex_otel.operate.announcement import announced  # noqa: PLC0415 - not for --help

    serve = announced(settings.home)
    if serve is None or not has_it(serve):
        return ""
    return _(
        " (cortex-otel serve, process {pid}, has it: give this shell its environment, e.g. "
        "set -a; . ~/.config/cortex-otel.env; set +a)",
        pid=serve.pid,
    )
