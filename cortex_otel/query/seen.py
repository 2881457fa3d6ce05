"""What is asked for by name (a flag, a feature, a step): one nobody saw is most likely misspelt."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.query.catalogue import attributes_named
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.semconv import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import apsw

    from cortex_otel.query.analysis.steps import Step
    from cortex_otel.query.catalogue import Question

__all__ = ["check_flag", "check_names", "check_steps"]

_FLAG = attributes_named(
    "seen",
    """
SELECT 1
FROM series s
CROSS JOIN events e ON e.series_key = s.series_key
JOIN contexts c ON c.context_key = e.context_key
WHERE s.event_type = 'feature_flag.evaluation'
  AND (c.attributes ->> $FEATURE_FLAG_KEY = :flag OR EXISTS (
      SELECT 1 FROM shapes h CROSS JOIN json_each(h.keys) k
      WHERE h.shape_key = e.shape_key AND k.value = $FEATURE_FLAG_KEY
        AND e.event_values ->> k.key = :flag
  ))
LIMIT 1
""",
)
_FEATURE = """
SELECT 1 FROM features
WHERE is_product = 1 AND feature <> '' AND event_type || ':' || feature = :feature
LIMIT 1
"""
_STEPS = "SELECT DISTINCT event_type, feature FROM features WHERE is_product = 1"


def check_names(connection: apsw.Connection, question: Question, values: Mapping[str, Any]) -> None:
    """Refuse the parameters ``flag`` and ``feature`` of a question if nothing has that name.

    Raises:
        QueryParameterError: says what to look at.
    """
    if question.accepts("flag") and values["flag"]:
        check_flag(connection, values["flag"], "flag")
    if question.accepts("feature") and values["feature"]:
        check_feature(connection, values["feature"])


def check_flag(connection: apsw.Connection, flag: str, parameter: str) -> None:
    """Refuse a flag of which no evaluation is stored.

    Raises:
        QueryParameterError: names the parameter.
    """
    if not connection.execute(_FLAG, {"flag": flag}).get:
        raise QueryParameterError(
            N_("no evaluation of the flag {flag!r} was recorded: check its name"),
            flag=flag,
            parameter=parameter,
        )


def check_feature(connection: apsw.Connection, feature: str) -> None:
    """Refuse a feature that nobody used.

    Raises:
        QueryParameterError: says how a feature is written.
    """
    if not connection.execute(_FEATURE, {"feature": feature}).get:
        raise QueryParameterError(
            N_(
                "no use of the feature {feature!r} was recorded: write it with its event type, "
                "like mcp.tool_call:search"
            ),
            feature=feature,
            parameter="feature",
        )


def check_steps(connection: apsw.Connection, steps: Iterable[Step], parameter: str) -> None:
    """Refuse a step that was never recorded, unless it is an event type of the product.

    Raises:
        QueryParameterError: names the step, and the one that looks most like it.
    """
    asked = [step for step in steps if not step.tier]
    rows = connection.execute(_STEPS) if asked else ()
    found = [(str(event_type), str(feature)) for event_type, feature in rows]
    if not found:
        return  # nothing was recorded yet: nothing is the answer
    event_types = {event_type for event_type, _ in found} | EVENT_TYPES
    features = {f"{event_type}:{feature}" for event_type, feature in found if feature}
    for step in asked:
        if step.text in event_types or step.text in features:
            continue
        # People know a tool by its name, not by what its calls are.
        bare = {feature.partition(":")[2]: feature for feature in sorted(features)}
        known = sorted(event_types | features)
        close = bare.get(step.text) or next(
            iter(difflib.get_close_matches(step.text, known, n=1)), known[0]
        )
        raise QueryParameterError(
            N_("nothing was recorded of the step {value!r}: did you mean {close}?"),
            value=step.text,
            close=close,
            parameter=parameter,
        )
