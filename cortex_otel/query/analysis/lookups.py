"""What an answer needs from the store itself: names, tiers, the first event of an attempt."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis.steps import VARIANT
from cortex_otel.query.catalogue import attributes_named, expanded

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form
    from cortex_otel.query.analysis.funnel import Rows
    from cortex_otel.query.analysis.runs import Ints
    from cortex_otel.query.analysis.steps import FunnelParameters, Step

__all__ = [
    "Series",
    "first_time",
    "groups",
    "of_starts",
    "of_users",
    "tier_times",
    "tiers_chosen",
    "user_hashes",
]

_EVENT_VALUES: Final = attributes_named(
    "lookups",
    """
SELECT
    s.service, s.user_tier, coalesce(p.ide, ''),
    CASE WHEN e.event_values IS NULL THEN c.attributes ->> $CORTEX_CLIENT_NAME
         ELSE coalesce((
             SELECT e.event_values ->> k.key FROM shapes h CROSS JOIN json_each(h.keys) k
             WHERE h.shape_key = e.shape_key AND k.value = $CORTEX_CLIENT_NAME
         ), c.attributes ->> $CORTEX_CLIENT_NAME) END
FROM events e
JOIN series s ON s.series_key = e.series_key
JOIN contexts c ON c.context_key = e.context_key
LEFT JOIN sessions n ON n.session_key = e.session_key
LEFT JOIN platforms p ON p.platform_key = n.platform_key
WHERE e.time = ? AND e.user_key + 0 = ? AND s.is_product = 1
""",
)
_VALUES: Final = ("service", "tier", "ide", "client")

_VARIANTS: Final = expanded(
    "lookups", "WITH\n-- with: first_exposures\nSELECT user_key, variant FROM first_exposures"
)
_TIERS: Final = expanded(
    "lookups",
    """
WITH
-- with: known_tiers
SELECT t.user_key, r.tier_rank, t.first_seen
FROM user_tiers t JOIN known_tiers r ON r.user_tier = t.user_tier
ORDER BY t.user_key
""",
)
_GROUPS: Final = expanded(
    "lookups", "WITH\n-- with: user_groups\nSELECT user_key, breakdown FROM user_groups"
)
_FIRST: Final = expanded("lookups", "WITH\n-- with: recorded\nSELECT first_time FROM recorded")


class Series:
    """The series of the store, by key."""

    def __init__(self, connection: apsw.Connection) -> None:
        rows = list(
            connection.execute(
                "SELECT series_key, service, event_type, feature, user_tier, is_product, is_active,"
                " in_error_rate FROM series"
            )
        )
        self.count = max((row[0] for row in rows), default=0) + 1
        self._rows = rows
        self.is_product = self._where(lambda row: bool(row[5]))
        self.is_active = self._where(lambda row: bool(row[6]))
        self.is_noticed = self._where(lambda row: bool(row[6] or row[7]))

    def matching(self, steps: Iterable[Step]) -> NDArray[np.bool_]:
        """Whether a series is one of ``steps``."""
        names = {step.text for step in steps if not step.tier}
        return self._where(
            lambda row: bool(row[5]) and (row[2] in names or f"{row[2]}:{row[3]}" in names)
        )

    def chosen(self, service: str, user_tier: str) -> NDArray[np.bool_]:
        """Whether a series is of ``service`` and ``user_tier``; empty ones are any."""
        return self._where(lambda row: service in ("", row[1]) and user_tier in ("", row[4]))

    def names(self) -> list[str]:
        """``event_type:feature`` of each; empty where it has no feature."""
        names = [""] * self.count
        for row in self._rows:
            names[row[0]] = f"{row[2]}:{row[3]}" if row[3] else ""
        return names

    def segment(self, name: str) -> dict[int, str]:
        """The ``service`` or ``tier`` of each, by key; empty for what else there is."""
        place = {"service": 1, "tier": 4}.get(name)
        return {} if place is None else {row[0]: row[place] for row in self._rows}

    def nodes(self) -> tuple[list[str], list[str], NDArray[np.int32]]:
        """What can be a step of a path: its name, its event type, and the place of each series."""
        places: dict[str, int] = {}
        event_types: list[str] = []
        table = np.zeros(self.count, np.int32)
        for row in self._rows:
            name = f"{row[2]}:{row[3]}" if row[3] else row[2]
            if name not in places:
                places[name] = len(places)
                event_types.append(row[2])
            table[row[0]] = places[name]
        return list(places), event_types, table

    def _where(self, test: Any) -> NDArray[np.bool_]:
        table = np.zeros(self.count, np.bool_)
        table[[row[0] for row in self._rows if test(row)]] = True
        return table


def tier_times(connection: apsw.Connection) -> tuple[Ints, Ints, Ints]:
    """Users, in order; the tiers they were in, by rank; and when that was first, in ns."""
    rows = connection.execute(_TIERS)
    values = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 3)
    return values[:, 0], values[:, 1], values[:, 2]


def groups(connection: apsw.Connection, breakdown: str) -> list[tuple[str, NDArray[np.int64]]]:
    """The users of each value of a breakdown of users; one may be in several."""
    found: dict[str, list[int]] = {}
    for user, value in connection.execute(_GROUPS, {"breakdown": breakdown}):
        found.setdefault(value, []).append(user)
    return [(value, np.array(users, np.int64)) for value, users in found.items()]


def first_time(connection: apsw.Connection) -> int | None:
    """When the first product event was recorded, Unix ns; ``None`` if none was."""
    return connection.execute(_FIRST).get  # type: ignore[no-any-return]


def tiers_chosen(
    connection: apsw.Connection, pairs: NDArray[np.int64], asked: FunnelParameters
) -> NDArray[np.bool_]:
    """Whether what a user did at a moment is of the service and tier that were asked for.

    Args:
        connection: to the store.
        pairs: user keys and moments.
        asked: names service and tier.
    """
    if not asked.service and not asked.user_tier:
        return np.ones(len(pairs), np.bool_)
    wanted = []
    for user, at in pairs.tolist():
        values = _values_at(connection, user, at)
        wanted.append(
            asked.service in ("", values["service"]) and asked.user_tier in ("", values["tier"])
        )
    return np.array(wanted, np.bool_)


def of_users(
    connection: apsw.Connection, form: Form, asked: FunnelParameters, user: Ints
) -> list[str]:
    """The value of the breakdown of each user; empty if it is one by the start of the attempt."""
    if asked.breakdown == "first_feature":
        return _first_features(connection, form, user)
    if asked.breakdown == "variant":
        variants = dict(connection.execute(_VARIANTS, {"breakdown": f"{VARIANT}{asked.flag}"}))
        return [variants.get(each) or "" for each in user.tolist()]
    return []


def of_starts(
    connection: apsw.Connection,
    asked: FunnelParameters,
    rows: Rows,
    user: Ints,
    start: NDArray[np.int64],
) -> list[str]:
    """The value of the breakdown at the start of each attempt; empty if it isn't by that.

    Args:
        connection: to the store.
        asked: names the breakdown.
        rows: of the funnel.
        user: user keys.
        start: the row that each of them started with.
    """
    if asked.breakdown in _VALUES:
        return _start_values(connection, asked, rows, user, start)
    return [""] * len(user)


def user_hashes(connection: apsw.Connection, user: Ints) -> dict[int, str]:
    """By user key."""
    wanted = set(user.tolist())
    if not wanted:
        return {}
    return {
        key: found
        for key, found in connection.execute("SELECT user_key, user_id_hash FROM users")
        if key in wanted
    }


def _start_values(
    connection: apsw.Connection,
    asked: FunnelParameters,
    rows: Rows,
    user: Ints,
    start: NDArray[np.int64],
) -> list[str]:
    found = []
    known = Series(connection).segment(asked.breakdown)
    for key, row in zip(user.tolist(), start.tolist(), strict=True):
        at, series = int(rows.time[row]), int(rows.series[row])
        if known and series >= 0:
            found.append(known[series])
            continue
        # Of several at the same instant, in the order of events.
        earlier, place = row - 1, 0
        while earlier >= 0 and rows.user[earlier] == key and rows.time[earlier] == at:
            place += int(rows.series[earlier]) == series
            earlier -= 1
        found.append(str(_values_at(connection, key, at, series, place)[asked.breakdown] or ""))
    return found


def _values_at(
    connection: apsw.Connection, user: int, at: int, series: int = -1, place: int = 0
) -> dict[str, Any]:
    """What the user's event at a moment was of; the first one, or one of a series."""
    condition = " AND e.series_key + 0 = ?" if series >= 0 else ""
    given = (at, user, series) if series >= 0 else (at, user)
    sql = f"{_EVENT_VALUES}{condition} ORDER BY e.event_key LIMIT 1 OFFSET {place}"
    row = connection.execute(sql, given).fetchone() or ("", "", "", "")
    return dict(zip(_VALUES, row, strict=True))


def _first_features(connection: apsw.Connection, form: Form, user: Ints) -> list[str]:
    series = Series(connection)
    names = series.names()
    has_feature = np.array([bool(name) for name in names], np.bool_)
    found: dict[int, str] = {}
    for users in form.blocks():
        columns = form.select(("user", "series"), has_feature, users=users)
        first = np.ones(len(columns["user"]), np.bool_)
        first[1:] = columns["user"][1:] != columns["user"][:-1]
        for key, of in zip(
            columns["user"][first].tolist(), columns["series"][first].tolist(), strict=True
        ):
            found[key] = names[of]
    return [found.get(each, "") for each in user.tolist()]
