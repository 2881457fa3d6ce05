"""What SQL files share with something put in, as ``$EVENTS_GONE(hour, :from_ns)``.

A common table expression can't do it: these stand within expressions.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["macros_expanded"]

#: Whether events of the UTC hour or day that a moment is in aren't kept any more: there are fewer
#: than were ever stored. Then its roll-up tells of all of it, and no event of a part.
_EVENTS_GONE: Final = (
    "(SELECT count(*) FROM events kept"
    " WHERE kept.time >= {moment} / {length} * {length}"
    " AND kept.time < ({moment} / {length} + 1) * {length})"
    " < (SELECT coalesce(sum(ever.stored), 0) FROM rollup_{unit} ever"
    " WHERE ever.{unit} = {moment} / {length})"
)
_LENGTHS: Final = {"hour": 3_600 * 10**9, "day": 86_400 * 10**9}
_USE: Final = re.compile(r"\$EVENTS_GONE\((?P<unit>hour|day), (?P<moment>:?\w+)\)")


def macros_expanded(sql: str) -> str:
    """``sql`` with what each macro stands for."""
    return _USE.sub(
        lambda use: _EVENTS_GONE.format(
            moment=use["moment"], unit=use["unit"], length=_LENGTHS[use["unit"]]
        ),
        sql,
    )
