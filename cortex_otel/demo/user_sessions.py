"""Generates a user's session, as the spans and log records that the product would send.

These aren't rows yet: :mod:`.synthetic_data` passes them through the same conversion,
redaction and sampling as real data.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.demo.product import (
    CATEGORIES,
    EXTENSION_ERRORS,
    LANGUAGES,
    SERVER_VERSIONS,
    TOOLS,
    VERSIONS,
    elements_on,
)  # fmt: skip
from cortex_otel.demo.searches import failed_search
from cortex_otel.demo.tool_choice import Choice, opening, tools
from cortex_otel.demo.users import happens, one_of
from cortex_otel.process.data import LogData, ResourceData, SpanData, is_plain

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from cortex_otel.demo.users import User

__all__ = ["NS_A_SECOND", "Conditions", "Item", "UserSession"]

NS_A_SECOND = 10**9
_NS_A_MS = 10**6
_CANCELLED = 0.006  # share of the calls

Item = tuple[SpanData | LogData, bool]
"""A record, and whether it is the root of its trace in its process."""

_IN_EDITOR = (
    (sc.EXT_CONTEXT_SWITCH, 365), (sc.EXT_UI_INTERACTION, 400), (sc.EXT_CODE_INSERT, 220),
    (sc.EXT_ERROR, 15),
)  # fmt: skip
_SERVER = InstrumentationScope("cortex_otel", "0.1.0")
_CLIENT = InstrumentationScope("@cortex/telemetry", "0.1.0")
_SCOPES = {
    "http": InstrumentationScope("opentelemetry.instrumentation.httpx", "0.66b2"),
    "sqlite": InstrumentationScope("opentelemetry.instrumentation.sqlite3", "0.66b2"),
}


class Conditions(NamedTuple):
    """Conditions at a time, for all users."""

    slower: float = 1.0
    """Factor of durations."""
    broken_tool: str = ""
    """The tool that mostly fails, during an incident."""
    savings: float = 0.70
    """Mean share of tokens saved."""


class UserSession:
    """One stretch of work of one user: its two sessions, and a clock.

    Args:
        person: the user.
        day: the day of the data.
        start_ns: start; Unix nanoseconds.
        choose: the random generator.
    """

    def __init__(self, person: User, day: int, start_ns: int, choose: random.Random) -> None:
        self._person, self._day, self._choose = person, day, choose
        self._now = start_ns
        self._request = 0
        self._version = _version(VERSIONS, day)

    @cached_property
    def _mcp(self) -> ResourceData:
        version = _version(SERVER_VERSIONS, self._day)
        return ResourceData(self._resource("cortex-mcp", "mcp", version))

    @cached_property
    def _extension(self) -> ResourceData:
        values = {sc.CORTEX_IDE: self._person.ide, sc.CORTEX_EXTENSION_VERSION: self._version}
        return ResourceData(self._resource("cortex-extension", "extension", self._version) | values)

    def install(self) -> Iterator[Item]:
        """The extension is installed, and asks for its variants."""
        yield self._event(
            sc.EXT_INSTALL,
            {sc.CORTEX_IDE: self._person.ide, sc.CORTEX_EXTENSION_VERSION: self._version},
        )
        self._pass_seconds(4)
        yield from self._exposure()

    def work(
        self, conditions: Conditions, length: int, *, mcp: bool, is_first: bool = False
    ) -> Iterator[Item]:
        """``length`` actions, one after another; more, if the session begins with more tools.

        Args:
            conditions: those of the day.
            length: number of actions.
            mcp: with the assistant's tools; else in the editor only.
            is_first: whether it is the user's first session.
        """
        person, choose = self._person, self._choose
        if person.uses_extension:
            yield self.activate()
        if is_first or happens(0.25, choose):
            yield from self._exposure()
        begin = opening(person, choose, is_first=is_first) if mcp else ()
        for choice in begin:
            self._pass_seconds(45)
            yield from self._call(choice, conditions)
        following = tools(person, self._day, choose, begin[-1].tool if begin else "")
        for _ in range(length - len(begin)):
            self._pass_seconds(45)
            if mcp and (not person.uses_extension or happens(0.6, choose)):
                yield from self._call(next(following), conditions)
            elif person.uses_extension:
                yield self._in_editor()

    # --- the assistant's side -------------------------------------------------------------------

    def _call(self, choice: Choice, conditions: Conditions) -> Iterator[Item]:
        choose, name = self._choose, choice.tool
        trace_id = choose.getrandbits(128) | 1
        parent = 0
        click: SpanData | None = None
        if self._person.uses_extension and happens(0.3, choose):
            # A click and the tool call it causes are one trace.
            element = {"search_context": "search_box", "compress_context": "compress_button"}
            click = self._span(
                self._extension, _CLIENT, sc.EXT_UI_INTERACTION, SpanKind.INTERNAL, trace_id, 0,
                {sc.CORTEX_EVENT_TYPE: sc.EXT_UI_INTERACTION, sc.CORTEX_UI_ACTION: "click",
                 sc.CORTEX_UI_ELEMENT: element.get(name, "open_panel")},
            )  # fmt: skip
            parent = click.span_id
            self._now += int(choose.uniform(2, 9) * _NS_A_MS)
        for attempt in range(3):
            call = self._one_call(choice, trace_id, parent, conditions)
            yield from call
            failed = call[-1][0].status is StatusCode.ERROR  # its root comes last
            if not failed or attempt == 2 or happens(0.35, choose):  # noqa: PLR2004 - the third
                break
            self._now += int(choose.uniform(0.4, 6) * NS_A_SECOND)  # the assistant tries again
        if click is not None:
            end = self._now + int(choose.uniform(1, 12) * _NS_A_MS)
            yield click._replace(end_time_unix_nano=end), True

    def _one_call(
        self, choice: Choice, trace_id: int, parent: int, conditions: Conditions
    ) -> list[tuple[Any, bool]]:
        name, choose = choice.tool, self._choose
        tool, broken = TOOLS[name], conditions.broken_tool == name
        self._request += 1
        attributes: dict[str, object] = {
            sc.MCP_METHOD_NAME: sc.METHOD_TOOLS_CALL, sc.MCP_PROTOCOL_VERSION: "2026-07-28",
            sc.GEN_AI_OPERATION_NAME: sc.OPERATION_EXECUTE_TOOL, sc.GEN_AI_TOOL_NAME: name,
            sc.NETWORK_TRANSPORT: "pipe", sc.JSONRPC_REQUEST_ID: str(self._request),
            sc.CORTEX_CLIENT_NAME: self._person.client, sc.CORTEX_OUTCOME: "ok",
        }  # fmt: skip
        if tool.parameters:
            attributes[sc.CORTEX_TOOL_PARAMETERS] = tool.parameters
        took = choose.lognormvariate(math.log(tool.median_ms), tool.spread) * conditions.slower
        chance = choose.random()
        errors, timeouts = (0.55, 0.22) if broken else (tool.errors, tool.timeouts)
        result = "success"
        if choice.error or chance < errors:
            result = "error"
            error = choice.error or ("ConnectionError" if broken else tool.error)
            _fail(attributes, error, name, "tool_error")
        elif chance < errors + timeouts:
            result, took = "timeout", 10_000.0 if broken else 5_000.0
            _fail(attributes, "TimeoutError", name, "timeout")
        elif chance > 1 - _CANCELLED:
            result, took = "cancelled", took * choose.random()
            attributes |= {sc.CORTEX_RESULT: "cancelled", sc.CORTEX_OUTCOME: "cancelled"}
        root = self._span(
            self._mcp, _SERVER, f"tools/call {name}", SpanKind.SERVER, trace_id, parent, attributes
        )
        inner: list[tuple[Any, bool]] = []
        within = root.span_id
        if tool.backend:
            inner.append((self._backend(tool.backend, trace_id, within, took, result), False))
        if result == "success":
            inner += self._event_of_tool(name, trace_id, within, took, conditions)
        elif name == "search_context" and result in sc.FAILED_RESULTS:
            inner.append((failed_search(root, attributes, took), False))
        self._now = root.start_time_unix_nano + max(int(took * _NS_A_MS), 50_000)
        status = StatusCode.ERROR if result in sc.FAILED_RESULTS else StatusCode.UNSET
        return [*inner, (root._replace(end_time_unix_nano=self._now, status=status), True)]

    def _backend(
        self, backend: str, trace_id: int, parent: int, took_ms: float, result: str
    ) -> SpanData:
        if backend == "http":
            code = {"error": 503, "timeout": 504}.get(result, 200)
            name, attributes = "POST", {
                sc.HTTP_REQUEST_METHOD: "POST", sc.HTTP_RESPONSE_STATUS_CODE: code,
                sc.URL_SCHEME: "https",
            }  # fmt: skip
        else:
            name, attributes = "SELECT", {sc.DB_SYSTEM_NAME: "sqlite"}
        span = self._span(
            self._mcp, _SCOPES[backend], name, SpanKind.CLIENT, trace_id, parent, attributes
        )
        start = span.start_time_unix_nano + int(took_ms * 0.06 * _NS_A_MS)
        end = start + int(took_ms * self._choose.uniform(0.6, 0.9) * _NS_A_MS)
        status = StatusCode.UNSET
        if result in sc.FAILED_RESULTS and backend == "http":
            status = StatusCode.ERROR
            attributes[sc.ERROR_TYPE] = str(code)
        return span._replace(start_time_unix_nano=start, end_time_unix_nano=end, status=status)

    def _event_of_tool(
        self, name: str, trace_id: int, parent: int, took_ms: float, conditions: Conditions
    ) -> list[Item]:
        """The typed event of a tool that measures something."""
        choose = self._choose
        digest = f"{choose.getrandbits(64):016x}"
        match name:
            case "search_context":
                found = min(int(choose.expovariate(1 / 6)), 10)
                values: dict[str, object] = {
                    "cortex.search.query.length": choose.randrange(8, 120),
                    "cortex.search.query.hash": digest, sc.CORTEX_SEARCH_TOP_K: 10,
                    sc.CORTEX_SEARCH_RESULTS: found,
                }  # fmt: skip
                if happens(0.05, choose):  # a needle-in-a-haystack check
                    values[sc.CORTEX_SEARCH_RECALL] = round(min(1.0, choose.gauss(0.91, 0.06)), 3)
                return [self._timed(sc.MCP_SEARCH_CONTEXT, values, trace_id, parent, took_ms)]
            case "compress_context":
                before = choose.randrange(2_000, 60_000)
                saved = min(max(choose.gauss(conditions.savings, 0.09), 0.05), 0.97)
                values = {
                    sc.CORTEX_COMPRESS_TOKENS_BEFORE: before,
                    sc.CORTEX_COMPRESS_TOKENS_AFTER: int(before * (1 - saved)),
                }
                return [self._timed(sc.MCP_COMPRESS_CONTEXT, values, trace_id, parent, took_ms)]
            case "suggest_references":
                values = {
                    sc.CORTEX_REFERENCE_SUGGESTED: choose.randrange(1, 6),
                    sc.CORTEX_REFERENCE_ACCEPTED: 0,
                }
                values[sc.CORTEX_REFERENCE_ACCEPTED] = sum(
                    happens(0.8, choose)
                    for _ in range(int(str(values[sc.CORTEX_REFERENCE_SUGGESTED])))
                )
                event = sc.MCP_REFERENCE_SUGGEST
            case "update_memory":
                size = choose.randrange(300, 40_000)
                values = {
                    sc.CORTEX_MEMORY_FILE_SIZE_BYTES: size, sc.CORTEX_MEMORY_TOKEN_COUNT: size // 4,
                }  # fmt: skip
                event = sc.MCP_UPDATE_MEMORY
            case "create_branch":
                values = {
                    "cortex.branch.topic.length": choose.randrange(6, 60),
                    "cortex.branch.topic.hash": digest,
                    sc.CORTEX_BRANCH_AUTOMATIC: happens(0.62, choose),
                }
                event = sc.MCP_BRANCH_CREATE
            case "classify_ontology":
                values = {
                    sc.CORTEX_ONTOLOGY_CATEGORY: choose.choice(CATEGORIES),
                    sc.CORTEX_ONTOLOGY_CONFIDENCE: round(choose.betavariate(8, 2), 3),
                }
                event = sc.MCP_ONTOLOGY_CLASSIFY
            case _:
                return []
        return [self._log(self._mcp, _SERVER, event, values, trace_id, parent)]

    def _timed(
        self, event: str, values: dict[str, object], trace_id: int, parent: int,
        took_ms: float,
    ) -> Item:  # fmt: skip
        span = self._span(
            self._mcp, _SERVER, event, SpanKind.INTERNAL, trace_id, parent,
            {sc.CORTEX_EVENT_TYPE: event, **values},
        )  # fmt: skip
        start = span.start_time_unix_nano + int(took_ms * 0.02 * _NS_A_MS)
        end = start + int(took_ms * 0.95 * _NS_A_MS)
        return span._replace(start_time_unix_nano=start, end_time_unix_nano=end), False

    # --- the editor's side ----------------------------------------------------------------------

    def activate(self) -> Item:
        """The extension is opened."""
        path = {
            "cortex.project.path.length": len(self._person.project) + 18,
            "cortex.project.path.hash": self._person.user_hash[:16],
        }
        return self._event(sc.EXT_ACTIVATE, {sc.CORTEX_IDE: self._person.ide, **path})

    def _exposure(self) -> Iterator[Item]:
        by_extension = self._person.uses_extension
        told, scope = (self._extension, _CLIENT) if by_extension else (self._mcp, _SERVER)
        for flag, variant in self._person.variants_on(self._day):
            values: dict[str, object] = {
                sc.FEATURE_FLAG_KEY: flag, sc.FEATURE_FLAG_RESULT_VARIANT: variant,
                sc.FEATURE_FLAG_RESULT_REASON: "split",
            }  # fmt: skip
            yield self._log(told, scope, sc.FEATURE_FLAG_EVALUATION, values)

    def _in_editor(self) -> Item:
        choose = self._choose
        event = one_of(_IN_EDITOR, choose)
        if event == sc.EXT_UI_INTERACTION:
            element = one_of(elements_on(self._day), choose)
            action = "select" if element in {"branch_picker", "memory_tree"} else "click"
            return self._event(
                sc.EXT_UI_INTERACTION,
                {sc.CORTEX_UI_ACTION: action, sc.CORTEX_UI_ELEMENT: element},
            )
        if event == sc.EXT_CODE_INSERT:
            values: dict[str, object] = {
                sc.CORTEX_CODE_LANGUAGE: one_of(LANGUAGES, choose),
                sc.CORTEX_CODE_LINES_INSERTED: 1 + int(choose.expovariate(1 / 7)),
                sc.CORTEX_CODE_COMPLETION_ACCEPTED: happens(0.71, choose),
            }
            return self._event(sc.EXT_CODE_INSERT, values)
        if event == sc.EXT_CONTEXT_SWITCH:
            values = {
                "cortex.file.path.length": choose.randrange(12, 90),
                "cortex.file.path.hash": f"{choose.getrandbits(64):016x}",
            }
            return self._event(sc.EXT_CONTEXT_SWITCH, values)
        error, place = choose.choice(EXTENSION_ERRORS)
        values = {
            sc.CORTEX_ERROR_TYPE: error, sc.CORTEX_ERROR_LOCATION: f"{error} at {place}",
            sc.CORTEX_RESULT: "timeout" if error == "TimeoutError" else "error",
            "cortex.error.message.length": choose.randrange(20, 140),
            "cortex.error.message.hash": f"{choose.getrandbits(64):016x}",
            sc.CORTEX_ERROR_CRASH: happens(0.04, choose),
        }  # fmt: skip
        return self._event(sc.EXT_ERROR, values)

    def _event(self, event: str, values: dict[str, object]) -> Item:
        return self._log(self._extension, _CLIENT, event, values)

    # --- records --------------------------------------------------------------------------------

    def _resource(self, name: str, service: str, version: str) -> dict[str, object]:
        person = self._person
        return {
            sc.SERVICE_NAME: name, sc.SERVICE_VERSION: version, sc.CORTEX_SERVICE: service,
            sc.DEPLOYMENT_ENVIRONMENT_NAME: "demo", sc.OS_TYPE: person.os,
            sc.SESSION_ID: f"{self._choose.getrandbits(128):032x}",
            sc.USER_HASH: person.user_hash, sc.CORTEX_USER_TIER: person.tier_on(self._day),
            **({sc.CORTEX_PROJECT_ID: person.project} if person.project else {}),
        }  # fmt: skip

    def _span(  # noqa: PLR0917 - in the order of SpanData
        self, resource: ResourceData, scope: InstrumentationScope, name: str, kind: SpanKind,
        trace_id: int, parent: int, attributes: dict[str, object],
    ) -> SpanData:  # fmt: skip
        return SpanData(
            attributes, name, kind, trace_id, self._choose.getrandbits(64) | 1, parent, self._now,
            self._now, StatusCode.UNSET, (), scope, resource, is_plain(attributes),
        )  # fmt: skip

    def _log(  # noqa: PLR0917 - the same
        self, resource: ResourceData, scope: InstrumentationScope, event: str,
        values: dict[str, object], trace_id: int = 0, span_id: int = 0,
    ) -> Item:  # fmt: skip
        values[sc.LOG_RECORD_UID] = f"{self._choose.getrandbits(128):032x}"
        severity = SeverityNumber.ERROR if event == sc.EXT_ERROR else SeverityNumber.INFO
        log = LogData(
            values, event, None, self._now, self._now, severity, trace_id, span_id, scope, resource
        )
        return log, False

    def _pass_seconds(self, mean: float) -> None:
        self._now += int((1 + self._choose.expovariate(1 / mean)) * NS_A_SECOND)


def _fail(attributes: dict[str, object], error: str, tool: str, outcome: str) -> None:
    error_type = "timeout" if outcome == "timeout" else sc.ERROR_TYPE_TOOL_ERROR
    line = 40 + sum(map(ord, tool + error)) % 300
    attributes |= {
        sc.ERROR_TYPE: error_type, sc.CORTEX_OUTCOME: outcome, sc.CORTEX_EXCEPTION_TYPE: error,
        sc.CORTEX_RESULT: "timeout" if outcome == "timeout" else "error",
        sc.CORTEX_ERROR_LOCATION: f"{error} at {tool}:run:{line}",
    }  # fmt: skip


def _version(versions: tuple[str, ...], day: int) -> str:
    """A new version is released every five weeks, and everybody has it a day later."""
    return versions[min(max(day, 0) // 35, len(versions) - 1)]
