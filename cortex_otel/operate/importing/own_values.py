"""Values of a log or an export that cortex-otel wrote: as redaction left them.

They pass redaction again, as every value does: what is a hash already is put under the key that
redaction puts hashes under, where 16 or 64 hex digits pass as they are. Nothing else does that
isn't an identifier, so text that somebody made look like a line of ours gets no further by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_otel import semconv as sc
from cortex_otel.process.redact import is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["feature_of", "key_for", "put_words"]


def key_for(key: str, value: str) -> str:
    """The key under which redaction keeps ``value`` as it is, if it is a hash of its own."""
    return key + sc.TEXT_HASH_SUFFIX if is_digest(value) else key


def put_words(event_type: str, feature: str, attributes: dict[str, Any]) -> None:
    """Put the attributes that ``feature`` was made of, as far as it tells, and itself."""
    attributes[sc.CORTEX_FEATURE] = feature
    sources = sc.FEATURE_SOURCES.get(event_type, ())
    words = feature.split(" ") if len(sources) > 1 else [feature]
    if len(words) == len(sources):
        for key, word in zip(sources, words, strict=True):
            attributes.setdefault(key_for(key, word), word)


def feature_of(event_type: str, attributes: Mapping[str, Any]) -> str:
    """The feature of an event whose attributes may be hashed; ``""`` if it has none."""
    words = [
        attributes.get(key, attributes.get(key + sc.TEXT_HASH_SUFFIX))
        for key in sc.FEATURE_SOURCES.get(event_type, ())
    ]
    return " ".join(word for word in words if isinstance(word, str))
