"""What of a record may be kept: an allow-list of attribute keys, and for each how it is kept.

Threat model: *every* record passes here, also native spans and logs of other libraries (mcp 2's
own spans, fastmcp's, HTTP instrumentations) and what arrives over OTLP. Whoever made it may be
careless or hostile, and may have put personal data or a secret into any value, key, name, scope
or error, in any type and size. Hence:

* A key that isn't on the list is dropped and counted; neither its name nor its value is stored.
* Identifiers must look like identifiers and survive :func:`scrub`; what doesn't is hashed.
* Free text becomes a length and a hash; user ids become a keyed hash.
* Exceptions become type, module, function and line. Their text is never read.
* Sizes are cut before any pattern runs, and nothing of the host (``__str__``, ``__repr__``) runs.

What this can't stop: a host that names its tools, its modules or its branches after a person.

Everything here is pure but for bounded memoisation. Longer than other files by its tables. The
reference, held to this file by a test, is ``docs/reference/redaction.md``.
"""

from __future__ import annotations

import math
import re
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cortex_otel import semconv
from cortex_otel.process.patterns import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

__all__ = [
    "ALLOWED",
    "ERROR_WORDS",
    "EVENT_FIELDS",
    "RESOURCE_ALLOWED",
    "Clean",
    "ErrorSummary",
    "Redactor",
    "clean_name",
    "is_plain_id",
    "scrub",
    "summarize_exception",
    "summarize_stacktrace",
]

Kind = Literal[
    "token", "id", "name", "label", "feature", "error_type", "location", "shape",
    "number", "flag", "digest", "text", "user", "content",
]  # fmt: skip

EVENT_FIELDS: Final[Mapping[str, Kind]] = {
    "cortex.branch.topic": "text",
    "cortex.branch.automatic": "flag",
    "cortex.search.query": "text",
    "cortex.search.top_k": "number",
    "cortex.search.results": "number",
    "cortex.search.recall": "number",
    "cortex.memory.file_size_bytes": "number",
    "cortex.memory.token_count": "number",
    "cortex.compress.tokens_before": "number",
    "cortex.compress.tokens_after": "number",
    "cortex.compress.savings_rate": "number",
    "cortex.reference.suggested": "number",
    "cortex.reference.accepted": "number",
    "cortex.ontology.category": "token",
    "cortex.ontology.confidence": "number",
    "cortex.project.path": "text",
    "cortex.ui.action": "token",
    "cortex.ui.element": "token",
    "cortex.code.language": "token",
    "cortex.code.lines_inserted": "number",
    "cortex.code.completion_accepted": "flag",
    "cortex.branch.from": "text",
    "cortex.branch.to": "text",
    "cortex.file.path": "text",
    "cortex.error.type": "error_type",
    "cortex.error.message": "text",
    "cortex.error.crash": "flag",
}
"""Fields of the typed events (SPEC §1)."""

ALLOWED: Final[Mapping[str, Kind]] = {
    semconv.MCP_METHOD_NAME: "token",
    semconv.MCP_PROTOCOL_VERSION: "token",
    semconv.MCP_SESSION_ID: "id",
    semconv.MCP_RESOURCE_URI: "text",
    semconv.GEN_AI_OPERATION_NAME: "token",
    semconv.GEN_AI_TOOL_NAME: "name",
    semconv.GEN_AI_PROMPT_NAME: "label",
    semconv.GEN_AI_TOOL_CALL_ARGUMENTS: "content",
    semconv.GEN_AI_TOOL_CALL_RESULT: "content",
    semconv.JSONRPC_REQUEST_ID: "id",
    semconv.RPC_RESPONSE_STATUS_CODE: "token",
    semconv.ERROR_TYPE: "error_type",
    semconv.EXCEPTION_MESSAGE: "content",
    semconv.NETWORK_TRANSPORT: "token",
    semconv.NETWORK_PROTOCOL_NAME: "token",
    "network.protocol.version": "token",
    semconv.SESSION_ID: "id",
    semconv.LOG_RECORD_UID: "id",
    semconv.USER_ID: "user",
    semconv.ENDUSER_ID: "user",
    semconv.USER_HASH: "digest",
    semconv.FEATURE_FLAG_KEY: "token",
    semconv.FEATURE_FLAG_RESULT_VARIANT: "token",
    semconv.FEATURE_FLAG_RESULT_REASON: "token",
    "feature_flag.provider.name": "token",
    "feature_flag.set.id": "token",
    "feature_flag.version": "token",
    "http.request.method": "token",
    "http.response.status_code": "number",
    "http.route": "label",
    "url.scheme": "token",
    "code.function.name": "label",
    "code.line.number": "number",
    "rpc.system": "token",
    "rpc.service": "token",
    "rpc.method": "token",
    "db.system.name": "token",
    "db.operation.name": "token",
    semconv.CORTEX_EVENT_TYPE: "token",
    semconv.CORTEX_SERVICE: "token",
    semconv.CORTEX_USER_TIER: "token",
    semconv.CORTEX_PROJECT_ID: "id",
    semconv.CORTEX_BRANCH_ID: "id",
    semconv.CORTEX_RESULT: "token",
    semconv.CORTEX_OUTCOME: "token",
    semconv.CORTEX_SOFT_ERROR: "flag",
    semconv.CORTEX_CLIENT_NAME: "label",
    semconv.CORTEX_CLIENT_VERSION: "token",
    semconv.CORTEX_ERROR_LOCATION: "location",
    semconv.CORTEX_EXCEPTION_TYPE: "error_type",
    semconv.CORTEX_TOOL_PARAMETERS: "shape",
    semconv.CORTEX_EVENT_DURATION_MS: "number",
    semconv.CORTEX_FEATURE: "feature",
    semconv.CORTEX_IDE: "label",
    semconv.CORTEX_IDE_VERSION: "token",
    semconv.CORTEX_EXTENSION_VERSION: "token",
    **EVENT_FIELDS,
}
"""Every attribute key that may be kept without the operator's asking, and how."""

RESOURCE_ALLOWED: Final[Mapping[str, Kind]] = {
    semconv.SERVICE_NAME: "name",
    semconv.SERVICE_NAMESPACE: "name",
    semconv.SERVICE_VERSION: "token",
    semconv.DEPLOYMENT_ENVIRONMENT_NAME: "name",
    semconv.TELEMETRY_SDK_NAME: "token",
    semconv.TELEMETRY_SDK_LANGUAGE: "token",
    semconv.TELEMETRY_SDK_VERSION: "token",
    semconv.TELEMETRY_DISTRO_NAME: "token",
    semconv.TELEMETRY_DISTRO_VERSION: "token",
    semconv.OS_TYPE: "token",
    semconv.PROCESS_RUNTIME_NAME: "token",
    semconv.PROCESS_RUNTIME_VERSION: "token",
}
"""Every resource attribute that may be kept. Whatever names a host, a process or an owner isn't."""

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
_MAX_LOCATION_LENGTH = 1024
_MAX_ALLOWED_TEXT_LENGTH = 256
_MAX_CONTENT_LENGTH = 8192
_MAX_HASHED_LENGTH = 65_536
_MAX_LIST_LENGTH = 16
_MAX_TITLE_WORDS = 5
_MAX_FRAMES = 20
# An exception object that is raised again and again keeps the frames of all its raises.
_MAX_FRAMES_READ = 1000
_MAX_LINKS = 5
_MAX_STACKTRACE_LENGTH = 65_536
_REMEMBERED = 4096

# No path from a root, no URI, no `user@host`.
_TOKEN = re.compile(r"(?!.*//)[\w:@+-][\w.:/+-]*", re.ASCII)
# Ids are new on every call: these shapes, which no pattern finds fault with but for their being
# hexadecimal (`uuid4().hex` is what MCP sessions have), are taken without the cost of a scrub.
_PLAIN_ID = re.compile(
    r"[0-9]{1,9}|[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
)
_DIGEST = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
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
# ASCII: a word of another script is rather somebody's name than a class's.
_IDENTIFIER = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_DOTTED = re.compile(_IDENTIFIER, re.ASCII)
_LINK = rf"{_IDENTIFIER}(?:\[\d+\])?(?: at [\w.<>-]+:[\w.<>-]+:\d+)?"
_LOCATION = re.compile(rf"{_LINK}(?: <- {_LINK})*", re.ASCII)
#: The lower-case values of `error.type` that conventions and standard libraries use; any other
#: lower-case word could be a word of the message.
ERROR_WORDS: Final = frozenset(
    {
        "tool_error", "timeout", "cancelled", "canceled", "error", "gaierror", "herror",
        "name_resolution_error", "server_certificate_invalid", "connection_error",
        "connection_refused", "connection_reset", "rate_limited", "unauthorized", "forbidden",
        "not_found", "invalid_params", "invalid_request", "parse_error", "internal_error",
        "method_not_found", "not_run", "_OTHER",
    }
)  # fmt: skip

_FRAME = re.compile(r' *File "([^"]*)", line (\d{1,9}), in (.{1,256})')
# VS Code's extension host indents its frames by a tab.
_JAVASCRIPT_FRAME = re.compile(
    r"[ \t]{1,8}at (?:async |new )?+(?:([^\s()]{1,256}) (?:\[as [^\s()]{1,256}\] )?)?"
    r"\(?([^()]{1,1024}):(\d{1,9}):\d{1,9}\)?"
)
_HEADER = "Traceback (most recent call last):"
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)$",
    re.MULTILINE,
)
_MEMBERS = re.compile(r"^ *\+-\+-{4,}", re.MULTILINE)
_MARGIN = re.compile(r"^ *[+|] ", re.MULTILINE)
_MEMBER_COUNT = re.compile(r"\((\d{1,6}) sub-exceptions?\)$")
_SOURCE_SUFFIX = re.compile(r"\.(?:py[cw]?|[cm]?[jt]sx?)$")
_NOT_PLACE = re.compile(r"[^\w.<>-]", re.ASCII)


class Clean(NamedTuple):
    """Attributes that may be kept."""

    attributes: dict[str, object]
    """JSON-serialisable values by key; kept keys only."""
    removed: int
    """How many attributes were removed altogether."""


class ErrorSummary(NamedTuple):
    """What is kept of an exception."""

    error_type: str
    """``ValueError``, ``sqlite3.OperationalError``; ``Exception`` if it is no identifier."""
    message: str
    """``RuntimeError at app:run:10 <- KeyError at app:load:7``; never text of an exception."""
    frames: tuple[str, ...]
    """``module:function:line``, outermost first; the innermost 20."""


class Redactor:
    """Decides attribute by attribute what is kept. Thread-safe; one for a pipeline.

    Args:
        hash_text: makes a digest (16 or 64 lower-case hex digits) of free text.
        hash_user: makes a digest of a user id; keyed where the operator set a key.
        allow: further attribute keys to keep, exact or ``prefix.*``. Keys in :data:`ALLOWED` stay
            as they are there.
        capture_content: keep free text, tool arguments, results and exception messages as they
            are, cut to 8192 characters. Development only.
        is_own_prompt: whether the program itself has told of a prompt of this name.
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
        text = _type_name(str.__str__(text)[: _MAX_TOKEN_LENGTH + 1])
        if len(text) > _MAX_TOKEN_LENGTH:
            return "_OTHER"
        if _CODE.fullmatch(text) or text in ERROR_WORDS:
            return text
        return text if _is_class(text) and scrub(text) == text else "_OTHER"

    def _feature(self, feature: str, told: Mapping[str, object], kept: Mapping[str, object]) -> str:
        """A feature that was made of other attributes is made of what is kept of them."""
        if _is_token(feature) or _is_digest(feature):
            return feature
        for sources in semconv.FEATURE_SOURCES.values():
            raw: list[str] = []
            clean: list[str] = []
            for key in sources:
                hashed = key + semconv.TEXT_HASH_SUFFIX
                # When the result passes again, what was hashed is under the other key.
                if key in told or hashed in told:
                    raw.append(_told_text(told.get(key, told.get(hashed))))
                    clean.append(str(kept.get(key, kept.get(hashed, "_OTHER"))))
            if raw and feature == " ".join(raw):
                return " ".join(clean)
        return self._hash_text(_storable(feature[:_MAX_HASHED_LENGTH]))

    def _identifier(self, key: str, value: str) -> tuple[str, str] | None:
        kind = _KINDS[key]
        # A tool or prompt is no path; a route is one with the values taken out.
        if kind in {"name", "label"} and key != "http.route" and _PATH.match(value):
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
            key.startswith(self._prefixes)
            and _KEY.fullmatch(key) is not None
            and scrub(key) == key
        )  # fmt: skip


def summarize_exception(error: BaseException) -> ErrorSummary:
    """Say what went wrong and where, without a word of the exception's own.

    Args:
        error: a live exception. Its traceback and its chain (``__cause__``, else a
            ``__context__`` that isn't suppressed) are followed for 5 links; neither it nor its
            arguments are ever turned into text.

    Returns:
        Its type, the innermost place of each link, and the frames of ``error`` itself.
    """
    links: list[str] = []
    frames: tuple[str, ...] = ()
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(links) < _MAX_LINKS:
        seen.add(id(link))
        of_link = _frames(link)
        count = len(link.exceptions) if isinstance(link, BaseExceptionGroup) else None
        links.append(_link(_class_name(type(link)), count, of_link))
        frames = frames or (of_link if link is error else ())
        # No truth test: an exception may define `__bool__` or `__len__`.
        following = link.__cause__
        if following is None and not link.__suppress_context__:
            following = link.__context__
        link = following
    return ErrorSummary(_class_name(type(error)), " <- ".join(links), frames)


def summarize_stacktrace(exception_type: str, stacktrace: str) -> ErrorSummary:
    """Say the same of an exception that has become text: a native exception event.

    Args:
        exception_type: ``exception.type`` of the event.
        stacktrace: ``exception.stacktrace`` of the event, as Python or JavaScript writes it. Of
            a long one the end is read, where Python has the innermost frames.

    Returns:
        As of :func:`summarize_exception`; without frames if none were recognised.
    """
    error_type = _told_class(str.__str__(exception_type)[: _MAX_TOKEN_LENGTH + 1])
    blocks = _CHAINED.split(str.__str__(stacktrace)[-_MAX_STACKTRACE_LENGTH:])[-_MAX_LINKS:]
    parsed = [_parse(block) for block in reversed(blocks)]
    links = [_link(error_type, parsed[0][1], parsed[0][2])]
    links += [_link(name, count, frames) for name, count, frames in parsed[1:]]
    return ErrorSummary(error_type, " <- ".join(links), parsed[0][2])


def _frames(error: BaseException) -> tuple[str, ...]:
    innermost: deque[TracebackType] = deque(maxlen=_MAX_FRAMES)
    traceback, left = error.__traceback__, _MAX_FRAMES_READ
    while traceback is not None and left:
        innermost.append(traceback)
        traceback, left = traceback.tb_next, left - 1
    codes = [(one.tb_frame.f_code, one.tb_lineno or 0) for one in innermost]
    return tuple(_place(code.co_filename, code.co_name, line) for code, line in codes)


def _parse(block: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Read type, member count (of a group) and frames out of one link of a printed chain."""
    members = _MEMBERS.search(block)
    if members is not None:
        block = _MARGIN.sub("", block[: members.start()])
    lines = block.rpartition(_HEADER)[2].split("\n")
    frames: list[str] = []
    for line in lines:
        if frame := _FRAME.fullmatch(line):
            frames.append(_place(frame[1], frame[3], int(frame[2])))
        elif line[:1].strip() and frames:
            count = _MEMBER_COUNT.search(line) if members is not None else None
            name = _told_class(line[: _MAX_TOKEN_LENGTH + 1].partition(":")[0])
            return name, int(count[1]) if count else None, tuple(frames[-_MAX_FRAMES:])
    if not frames:
        matches = map(_JAVASCRIPT_FRAME.fullmatch, lines)
        frames = [_place(m[2], m[1] or "<anonymous>", int(m[3])) for m in matches if m]
        # JavaScript prints the innermost first.
        frames = frames[:_MAX_FRAMES][::-1]
    return "Exception", None, tuple(frames[-_MAX_FRAMES:])


def _link(error_type: str, count: int | None, frames: tuple[str, ...]) -> str:
    members = "" if count is None else f"[{count}]"
    return f"{error_type}{members} at {frames[-1]}" if frames else f"{error_type}{members}"


def _place(filename: str, function: str, line: int) -> str:
    # The end of a path is its file name; a directory may be a person's.
    stem = _SOURCE_SUFFIX.sub("", re.split(r"[\\/]", filename[-2 * _MAX_TOKEN_LENGTH :])[-1])
    return f"{_place_part(stem)}:{_place_part(function[: _MAX_TOKEN_LENGTH + 1])}:{line}"


@lru_cache(_REMEMBERED)
def _place_part(text: str) -> str:
    is_clean = 0 < len(text) <= _MAX_TOKEN_LENGTH and not _NOT_PLACE.search(text)
    return text[:64] if is_clean and scrub(text) == text else "_"


def _class_name(kind: type[BaseException]) -> str:
    module, name = kind.__module__, kind.__qualname__
    name = f"{module}.{name}" if isinstance(module, str) else name
    return _class_identifier(name[: _MAX_TOKEN_LENGTH + 1])


@lru_cache(_REMEMBERED)
def _class_identifier(text: str) -> str:
    text = _type_name(text)
    is_clean = len(text) <= _MAX_TOKEN_LENGTH and _DOTTED.fullmatch(text) and scrub(text) == text
    return text if is_clean else "Exception"


def _told_class(text: str) -> str:
    """A class that text claims; another word may be one of the message."""
    text = _type_name(text)
    return _class_identifier(text) if _is_class(text) else "Exception"


def _is_class(text: str) -> bool:
    last = text.rpartition(".")[2]
    is_named_so = not last.lstrip("_")[:1].islower() or last in ERROR_WORDS
    return is_named_so and _DOTTED.fullmatch(text) is not None


def _type_name(text: str) -> str:
    return text.removeprefix("builtins.").replace(".<locals>", "")


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


def _told_text(value: object) -> str:
    """``value`` as a feature holds it, without running a method that the host may have given it."""
    if isinstance(value, str):
        return str.__str__(value)
    number = _number(value)
    return "" if number is None else str(number)


def _is_token(value: str) -> bool:
    is_short = 0 < len(value) <= _MAX_TOKEN_LENGTH
    return is_short and _TOKEN.fullmatch(value) is not None and scrub(value) == value


def _is_digest(value: str) -> bool:
    return _DIGEST.fullmatch(value) is not None


def _is_location(value: str) -> bool:
    is_short = len(value) <= _MAX_LOCATION_LENGTH
    if not is_short or not _LOCATION.fullmatch(value):
        return False
    types = (re.split(r"[ \[]", link, maxsplit=1)[0] for link in value.split(" <- "))
    return all(map(_is_class, types)) and _is_clean_pairs(value)


def _is_shape(value: str) -> bool:
    is_short = len(value) <= _MAX_SHAPE_LENGTH
    return is_short and _SHAPE.fullmatch(value) is not None and _is_clean_pairs(value)


def _is_clean_pairs(value: str) -> bool:
    # `token:str` is a parameter and its type here, not a secret and its value.
    apart = value.replace(":", " , ")
    return scrub(apart) == apart


_CHECKS: Final[Mapping[Kind, Callable[[str], bool]]] = {
    "digest": _is_digest,
    "location": _is_location,
    "shape": _is_shape,
}


def _number(value: object) -> bool | int | float | None:
    """Make an exact built-in of a number that JSON and SQLite can hold; ``None`` of the rest."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__int__(value) if -(2**63) <= int.__int__(value) < 2**63 else None
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(float.__float__(value)) else None
    return None


def _storable(text: str) -> str:
    # A lone surrogate can't be hashed, stored or sent as UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
