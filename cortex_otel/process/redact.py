"""What is kept of a record's attributes, and in which form, by the allow-list of their keys.

Threat model: *every* record passes here, also native spans and logs of other libraries (mcp 2's
own spans, fastmcp's, HTTP instrumentations) and what arrives over OTLP. Whoever made it may be
careless or hostile, and may have put personal data or a secret into any value, key, name, scope
or error, in any type and size. Hence:

* A key that isn't on the list is dropped and counted; neither its name nor its value is stored.
* Identifiers must look like identifiers and survive :func:`scrub`; what doesn't is hashed.
* Free text becomes a length and a hash; user ids become a keyed hash.
* Exceptions become type, module, function and line (:mod:`.exceptions`).
* Sizes are cut before any pattern runs, and nothing of the host (``__str__``, ``__repr__``) runs.

What this can't stop: a host that names its tools, its modules or its branches after a person.

The keys are data of :mod:`.allow_list`; everything here is pure but for bounded memoisation. The
reference, held to both by a test, is ``docs/reference/redaction.md``.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv
from cortex_otel.process.allow_list import ALLOWED, ERROR_WORDS, RESOURCE_ALLOWED
from cortex_otel.process.exceptions import is_class_name, is_location, type_name
from cortex_otel.process.patterns import is_clean_pairs, scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cortex_otel.process.allow_list import Kind

__all__ = ["Clean", "Redactor", "clean_name", "is_digest", "is_plain_id", "scrub"]

_HASHED: Final = frozenset({"text", "token", "id", "label"})
# What this module itself makes of an attribute passes when it comes by again.
_KINDS: Final[Mapping[str, Kind]] = {
    **{f"{key}.length": "number" for key, kind in ALLOWED.items() if kind == "text"},
    **{f"{key}.hash": "digest" for key, kind in ALLOWED.items() if kind in _HASHED},
    **ALLOWED,
}
# Kinds with few distinct values, worth remembering; texts and users would only turn the cache over.
_REPEATED: Final = frozenset(
    {"token", "id", "name", "label", "error_type", "location", "shape", "digest"}
)
_LISTED: Final = frozenset({"token", "id", "number", None})

_MAX_TOKEN_LENGTH = 128
_MAX_SHAPE_LENGTH = 512
_MAX_ALLOWED_TEXT_LENGTH = 256
_MAX_CONTENT_LENGTH = 8192
_MAX_HASHED_LENGTH = 65_536
_MAX_LIST_LENGTH = 16
_MAX_TITLE_WORDS = 5
_REMEMBERED = 4096
_TWO_TO_63: Final = 1 << 63

# No path from a root, no URI, no `user@host`.
_TOKEN = re.compile(r"(?!.*//)[\w:@+-][\w.:/+-]*", re.ASCII)
# Ids are new on every call: these shapes, which no pattern finds fault with but for their being
# hexadecimal (`uuid4().hex` is what MCP sessions have), are taken without the cost of a scrub.
_PLAIN_ID = re.compile(
    r"[0-9]{1,9}|[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
)
# Sixteen decimal digits may be the number of a card; `hash_text` makes none.
_DIGEST = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{16}|[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_./:<>{}\- ]{1,128}")
_PATH = re.compile(r"\.{0,2}[\\/]|~|[A-Za-z]:[\\/]|\S*://")
# `Visual Studio Code - Insiders` is a product; other names of several words may be a sentence.
_TITLE_WORD = re.compile(r"[A-Z0-9][\w.-]*|-", re.ASCII)
_NOT_NAME = re.compile(r"[^A-Za-z0-9_./:<>{}\- ]")
# A closed set of types: `password: hunter2` is a name and a word too.
_TYPE = (
    r"(?:str|int|float|bool|list|dict|null|object|bytes|tuple|set"
    r"|string|number|integer|boolean|array)"
)
_PARAMETER = rf"(?:\.\.\.|(?:\*|\*{{0,2}}[^\W\d]\w*):{_TYPE}(?:\[(?:{_TYPE}|\d{{1,9}})\])?)"
_SHAPE = re.compile(rf"(?:{_PARAMETER}(?:, ?{_PARAMETER})*)?", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CODE = re.compile(r"-?[0-9]{1,6}")


class Clean(NamedTuple):
    """Attributes that may be kept."""

    attributes: dict[str, object]
    """JSON-serialisable values by key; kept keys only."""
    removed: int
    """How many attributes were removed altogether."""


class Redactor:
    """Decides attribute by attribute what is kept. Thread-safe; one for a pipeline.

    Args:
        hash_text: makes a digest (16 or 64 lower-case hex digits) of free text.
        hash_user: makes a digest of a user id; keyed where the operator set a key.
        allow: further attribute keys to keep, exact or ``prefix.*``. Keys of :mod:`.allow_list`
            stay as they are there.
        capture_content: keep free text, tool arguments, results and exception messages as they
            are, cut to 8192 characters. Development only.
        is_own_prompt: whether the program itself has declared a prompt of this name.
    """

    def __init__(
        self,
        *,
        hash_text: Callable[[str], str],
        hash_user: Callable[[str], str],
        allow: Sequence[str] = (),
        capture_content: bool = False,
        is_own_prompt: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._hash_text = hash_text
        self._hash_user = hash_user
        self._allowed = frozenset(key for key in allow if not key.endswith("*"))
        self._prefixes = tuple(key[:-1] for key in allow if key.endswith(".*") and len(key) > 2)  # noqa: PLR2004 - `.*` alone has no prefix
        self._capture_content = capture_content
        self._is_own_prompt = is_own_prompt
        self._repeated = lru_cache(_REMEMBERED)(self._identifier)
        self._names = lru_cache(_REMEMBERED)(clean_name)
        self._keys = lru_cache(_REMEMBERED)(self._is_allowed)
        self._is_plain_feature = lru_cache(_REMEMBERED)(_is_plain_feature)

    def attributes(self, attributes: Mapping[str, object]) -> Clean:
        """Keep what the allow-list allows of the attributes of a span, log or metric point.

        Args:
            attributes: any keys and values, of any type and size; left as they are.

        Returns:
            The kept attributes and the number of removed ones. What became a hash or a length
            isn't counted as removed. Passing the result again changes nothing.
        """
        kept: dict[str, object] = {}
        removed = 0
        feature: str | None = None
        repeated = self._repeated
        for key, value in attributes.items():
            kind = _KINDS.get(key)
            # Length first: a cache must not hold megabytes. Exact type: nothing of the host runs.
            if type(value) is str and len(value) <= _MAX_TOKEN_LENGTH and kind in _REPEATED:
                pair = repeated(key, value)
                if pair is None:
                    removed += 1
                else:
                    kept[pair[0]] = pair[1]
            elif kind == "number" and type(value) is int and -_TWO_TO_63 <= value < _TWO_TO_63:
                kept[key] = value  # as it would become, at a tenth of the cost
            elif kind == "feature" and isinstance(value, str):
                feature = str.__str__(value)
            elif pairs := self._any(kind, key, value):
                kept.update(pairs)
            else:
                removed += 1
        if feature is not None:
            kept[semconv.CORTEX_FEATURE] = self._feature(feature, attributes, kept)
        return Clean(kept, removed)

    def resource(self, attributes: Mapping[str, object]) -> dict[str, object]:
        """Keep what :data:`RESOURCE_ALLOWED` allows of a resource.

        Args:
            attributes: attributes of a resource, of any type and size.

        Returns:
            The kept ones; JSON-serialisable. A value that is no identifier is left out.
        """
        kept: dict[str, object] = {}
        for key, kind in RESOURCE_ALLOWED.items():
            value = attributes.get(key)
            if not isinstance(value, str):
                continue
            value = str.__str__(value)
            if kind == "name":
                # A service is no path; whoever calls it by one hasn't named it.
                if _PATH.match(value) is None:
                    kept[key] = self.name(value)
            elif _is_token(value):
                kept[key] = value
        return kept

    def name(self, text: str) -> str:
        """Make a low-cardinality name: of a span, tool, event, scope.

        Args:
            text: any text.

        Returns:
            The text itself if it is a clean identifier of at most 128 ASCII characters (spaces
            and ``._/:<>{}-`` included); else a scrubbed one; ``_OTHER`` if nothing is left.
        """
        text = str.__str__(text)
        return self._names(text) if len(text) <= _MAX_TOKEN_LENGTH else clean_name(text)

    def error_type(self, text: str) -> str:
        """Make a low-cardinality ``error.type``.

        Args:
            text: any text.

        Returns:
            The text itself if it is an integer code, a dotted identifier of a class, or a
            lower-case word that conventions know (``timeout``, ``tool_error``); else ``_OTHER``.
        """
        text = type_name(str.__str__(text)[: _MAX_TOKEN_LENGTH + 1])
        if len(text) > _MAX_TOKEN_LENGTH:
            return "_OTHER"
        if _CODE.fullmatch(text) or text in ERROR_WORDS:
            return text
        return text if is_class_name(text) and scrub(text) == text else "_OTHER"

    def _feature(
        self, feature: str, given: Mapping[str, object], kept: Mapping[str, object]
    ) -> str:
        """A feature that was made of other attributes is made of what is kept of them."""
        if len(feature) <= _MAX_TOKEN_LENGTH and self._is_plain_feature(feature):
            return feature
        for sources in semconv.FEATURE_SOURCES.values():
            raw: list[str] = []
            clean: list[str] = []
            for key in sources:
                hashed = key + semconv.TEXT_HASH_SUFFIX
                # When the result passes again, what was hashed is under the other key.
                if key in given or hashed in given:
                    raw.append(_feature_word(given.get(key, given.get(hashed))))
                    clean.append(str(kept.get(key, kept.get(hashed, "_OTHER"))))
            if raw and feature == " ".join(raw):
                return " ".join(clean)
        return self._hash_text(_storable(feature[:_MAX_HASHED_LENGTH]))

    def _identifier(self, key: str, value: str) -> tuple[str, str] | None:
        kind = _KINDS[key]
        # A tool or prompt is no path; a route is one with the values taken out.
        if kind in {"name", "label"} and key != semconv.HTTP_ROUTE and _PATH.match(value):
            return key, "_OTHER"
        if kind == "name" or (kind == "label" and self._is_label(key, value)):
            return key, self.name(value)
        if kind == "error_type":
            return key, self.error_type(value)
        if kind in _CHECKS:
            return (key, value) if _CHECKS[kind](value) else None
        if (kind == "id" and _PLAIN_ID.fullmatch(value)) or _is_token(value):
            return key, value
        return f"{key}.hash", self._hash_text(_storable(value[:_MAX_HASHED_LENGTH]))

    def _is_label(self, key: str, value: str) -> bool:
        name = self.name(value)
        if key == semconv.GEN_AI_PROMPT_NAME and self._is_own_prompt(name):
            return True
        words = value.split(" ")
        is_title = len(words) <= _MAX_TITLE_WORDS and all(map(_TITLE_WORD.fullmatch, words))
        return name == value and (len(words) == 1 or is_title)

    def _any(self, kind: Kind | None, key: str, value: object) -> dict[str, object] | None:
        if kind is None and not (
            isinstance(key, str) and len(key) <= _MAX_TOKEN_LENGTH and self._keys(key)
        ):
            return None
        if isinstance(value, (list, tuple)):
            return self._list(kind, key, value)
        if isinstance(value, str):
            return self._text(kind, key, str.__str__(value))
        number = _number(value)
        return None if number is None else self._of_number(kind, key, number)

    def _of_number(self, kind: Kind | None, key: str, value: float) -> dict[str, object] | None:
        if kind == "error_type":
            return {key: self.error_type(str(value))}
        if kind == "user":
            return {semconv.USER_HASH: self._hash_user(str(value))}
        is_kept = kind in (None, "number") or (
            kind == "flag" if isinstance(value, bool) else kind in ("token", "id")
        )
        return {key: value} if is_kept else None

    def _text(self, kind: Kind | None, key: str, value: str) -> dict[str, object] | None:
        if kind in _REPEATED:
            pair = self._identifier(key, value)
            return None if pair is None else {pair[0]: pair[1]}
        if kind is None:
            return {key: _storable(scrub(value)[:_MAX_ALLOWED_TEXT_LENGTH])}
        if kind == "user":
            return {semconv.USER_HASH: self._hash_user(_storable(value[:_MAX_HASHED_LENGTH]))}
        kept: dict[str, object] = {}
        if kind == "text":
            kept[f"{key}.length"] = len(value)
            kept[f"{key}.hash"] = self._hash_text(_storable(value[:_MAX_HASHED_LENGTH]))
        if self._capture_content and kind in ("text", "content"):
            kept[key] = _storable(value[:_MAX_CONTENT_LENGTH])
        return kept

    def _list(
        self, kind: Kind | None, key: str, values: Sequence[object]
    ) -> dict[str, object] | None:
        if kind not in _LISTED or len(values) > _MAX_LIST_LENGTH:
            return None
        members: list[object] = []
        for value in values:
            if isinstance(value, (list, tuple)):
                return None
            member = self._any(kind, key, value)
            if not member or key not in member:
                return None
            members.append(member[key])
        return {key: members}

    def _is_allowed(self, key: str) -> bool:
        if key in self._allowed:
            return True
        # Under a prefix the rest of the key is the sender's: it may hold what a value may not.
        return (
            key.startswith(self._prefixes) and _KEY.fullmatch(key) is not None and scrub(key) == key
        )


def clean_name(text: str) -> str:
    """What :meth:`Redactor.name` says, without its memory."""
    clean = scrub(text)
    if clean == text and _NAME.fullmatch(text):
        return text
    clean = _NOT_NAME.sub("_", clean)[:_MAX_TOKEN_LENGTH].strip()
    # Two harmless halves may make something together once what divided them is replaced.
    is_clean = any(map(str.isalnum, clean)) and scrub(clean) == clean
    return clean if is_clean else "_OTHER"


def is_plain_id(value: object) -> bool:
    """Whether ``value`` is text that every ``id`` may be: digits, a digest or a UUID."""
    return type(value) is str and _PLAIN_ID.fullmatch(value) is not None


def _feature_word(value: object) -> str:
    """``value`` as a feature holds it, without running a method that the host may have given it."""
    if isinstance(value, str):
        return str.__str__(value)
    number = _number(value)
    return "" if number is None else str(number)


def _is_token(value: str) -> bool:
    is_short = 0 < len(value) <= _MAX_TOKEN_LENGTH
    return is_short and _TOKEN.fullmatch(value) is not None and scrub(value) == value


def _is_plain_feature(value: str) -> bool:
    return _is_token(value) or is_digest(value)


def is_digest(value: str) -> bool:
    """Whether ``value`` has the form of a hash that is made here: it passes as it is."""
    return _DIGEST.fullmatch(value) is not None


def _is_shape(value: str) -> bool:
    is_short = len(value) <= _MAX_SHAPE_LENGTH
    return is_short and _SHAPE.fullmatch(value) is not None and is_clean_pairs(value)


_CHECKS: Final[Mapping[Kind, Callable[[str], bool]]] = {
    "digest": is_digest,
    "location": is_location,
    "shape": _is_shape,
}


def _number(value: object) -> bool | int | float | None:
    """Make an exact built-in of a number that JSON and SQLite can hold; ``None`` of the rest."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__int__(value) if -_TWO_TO_63 <= int.__int__(value) < _TWO_TO_63 else None
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(float.__float__(value)) else None
    return None


def _storable(text: str) -> str:
    # A lone surrogate can't be hashed, stored or sent as UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
