"""The telemetry of one MCP request as a server sees it on the wire: one SERVER span, one point.

An adapter of :mod:`.stacks` begins it, tells it what it learns on the way, and ends it once. While
it runs its span is the current one, so that what the tool itself sets lands there. Longer than
other files since the life of a request is read in one place.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from opentelemetry import baggage, propagate, trace
from opentelemetry import context as context_api
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from cortex_otel import guard, identity
from cortex_otel import semconv as sc
from cortex_otel.instrument.metrics import few
from cortex_otel.instrument.outcome import OK, RESULT_OF, Verdict
from cortex_otel.instrument.sessions import Peer, joined_session
from cortex_otel.instrument.state import state
from cortex_otel.process.exceptions import summarize_exception
from cortex_otel.process.native_spans import UNREAD, expect
from cortex_otel.span import internals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span, SpanContext, Tracer

    from cortex_otel.instrument.tool_names import ToolNames
    from cortex_otel.process.native_spans import NativePart

__all__ = [
    "ASKED_OF_SERVERS", "McpRequest", "asks_itself", "begin", "begin_in_process", "current",
]  # fmt: skip

#: Where the name of what is asked for goes, by method.
_TARGETS: Final = {
    sc.METHOD_TOOLS_CALL: sc.GEN_AI_TOOL_NAME,
    sc.METHOD_PROMPTS_GET: sc.GEN_AI_PROMPT_NAME,
    sc.METHOD_RESOURCES_READ: sc.MCP_RESOURCE_URI,
}
#: Of these, the ones whose names go into the span's name: resources have too many.
_SPAN_TARGETS: Final = frozenset({sc.METHOD_TOOLS_CALL, sc.METHOD_PROMPTS_GET})
_INHERITED: Final = (sc.MCP_SESSION_ID, sc.SESSION_ID, sc.USER_HASH, sc.CORTEX_USER_TIER)
_CARRIED: Final = ("traceparent", "tracestate", "baggage")
_MAX_CARRIED_LENGTH = 8192
_MAX_ID_LENGTH = 64
_OTHER = "_OTHER"
_MAX_OPEN_CALLS = 256
_MAX_REPEATED = 256
_MAX_COMBINATIONS = 2000  # where the SDK, too, stops telling metric attributes apart
_TRANSPORT_PROTOCOL: Final = {"tcp": "http"}

_current: ContextVar[McpRequest | None] = ContextVar("cortex_otel_mcp_request", default=None)
#: Set while a server asks itself for something: that is nobody's request.
asks_itself: ContextVar[bool] = ContextVar("cortex_otel_mcp_asks_itself", default=False)
# Calls that asked the client for input, by the state it will send back with it.
_open_calls: OrderedDict[str, SpanContext] = OrderedDict()
# A client may send any method; those of the specification become span names.
_METHODS: Final = frozenset(
    {
        "initialize", "ping", "server/discover", "tools/list", "tools/call", "prompts/list",
        "prompts/get", "resources/list", "resources/templates/list", "resources/read",
        "resources/subscribe", "resources/unsubscribe", "completion/complete", "logging/setLevel",
        "subscriptions/listen", "tasks/get", "tasks/list", "tasks/result", "tasks/cancel",
        "tasks/update",
    }
)  # fmt: skip
#: What clients ask of servers, and no server of a client.
ASKED_OF_SERVERS: Final = _METHODS - {"ping"}
_metric_attributes: dict[tuple[str, ...], dict[str, str]] = {}
_OK_ATTRIBUTES: Final = {sc.CORTEX_OUTCOME: OK.outcome, sc.CORTEX_RESULT: RESULT_OF[OK.outcome]}


def current() -> McpRequest | None:
    """The request that is being served here; what a tool leaves running outlives it."""
    request = _current.get()
    return None if request is None or request.is_over else request


class McpRequest:
    """One request; made by :func:`begin`, ended once."""

    __slots__ = (
        "_began", "_claimed", "_is_named", "_name", "_peer", "_start", "_start_unix_nano", "_tier",
        "_tokens", "_verb", "exception", "has_run", "inherited", "is_over", "known", "method",
        "native", "span", "target", "unrun",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        known: ToolNames,
        method: str,
        target: str,
        peer: Peer,
        span: Span,
        verb: str,
        name: str,
        tier: str,
        inherited: Mapping[str, str],
        *,
        is_named: bool,
    ) -> None:
        self.known = known
        """The names of the server."""
        self._is_named = is_named
        self._peer = peer
        self._name = name
        self._tier = tier
        self._verb = verb
        self._began: Mapping[str, Any] = {}
        self._claimed = False
        self.is_over = False
        """Whether it has been answered, or given up."""
        self.has_run = False
        """Whether an answer that fails is about the result of the tool, not about its arguments."""
        self.unrun = ""
        """The name of a generator or coroutine object that a stack took for a tool's result."""
        self._tokens: tuple[Any, Any] | None = None
        self._start = self._start_unix_nano = 0
        self.span = span
        self.method = method
        self.target = target
        self.inherited = inherited
        """Whose it is, for what is recorded inside: user, tier and session as the request tells."""
        self.native: NativePart | None = None
        """What the MCP library itself has told on the span: see :mod:`.native_spans`."""
        self.exception: BaseException | None = None
        """What the tool raised last, as somebody below saw it; counts only if the answer fails."""

    @property
    def is_known(self) -> bool:
        """Whether something is asked for that the server has."""
        return self.method in _TARGETS and self.known.has(self.method, self.target)

    @property
    def has_tool(self) -> bool | None:
        """Whether the server has the tool that is called; ``None`` if none is."""
        return self.is_known if self.method == sc.METHOD_TOOLS_CALL else None

    def learn(self, name: str | None = None) -> None:
        """The server has ``name`` (what was asked for, if not given)."""
        if self.method in _TARGETS:
            self.known.answered(self.method, self.target if name is None else name)

    def says(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Whether its span, as it began, has all of that already."""
        return name == self._name and attributes.items() <= self._began.items()

    def claim(self, tool: str) -> bool:
        """Whether a decorated function of that name is the tool that this request calls.

        The first one is, unless the server has another tool of its name: then it is called by the
        tool, and a call of its own.
        """
        if self._claimed or self.method != sc.METHOD_TOOLS_CALL:
            return False
        if tool != self.target and self.known.has(self.method, tool):
            return False
        self._claimed = True
        if tool == self.target:
            self.learn()
        return True

    def end(self, verdict: Verdict) -> None:
        """The request has been answered, or never will be; never raises."""
        if self.is_over:
            return
        self.is_over = True
        elapsed = time.perf_counter_ns() - self._start
        try:
            self._detach()
            try:
                self._describe(verdict)
            finally:
                self.span.end(self._start_unix_nano + elapsed)
            self._measure(verdict, elapsed)
        except Exception as error:  # noqa: BLE001 - the host's request
            guard.swallowed("mcp_request.end", error)

    def ask(self, request_state: object) -> None:
        """The answer asks for input; the client will send ``request_state`` back with it."""
        if isinstance(request_state, str) and len(request_state) <= _MAX_CARRIED_LENGTH:
            _open_calls[request_state] = self.span.get_span_context()
            if len(_open_calls) > _MAX_OPEN_CALLS:
                _open_calls.popitem(last=False)

    def _attach(self, context: context_api.Context, start_unix_nano: int) -> None:
        token = context_api.attach(trace.set_span_in_context(self.span, context))
        self._tokens = token, _current.set(self)
        self._start_unix_nano = start_unix_nano
        self._start = time.perf_counter_ns()

    def _detach(self) -> None:
        tokens, self._tokens = self._tokens, None
        if tokens is None:
            return
        # Ended in another context than it began in: what was set there is gone with it.
        try:  # noqa: SIM105 - as quick as can be, at each call
            _current.reset(tokens[1])
        except ValueError:
            pass
        internals.detach(tokens[0])

    @staticmethod
    def _judged(verdict: Verdict) -> tuple[bool, str]:
        """Whether it counts as an error, and ``error.type``: also of what was cancelled."""
        result = RESULT_OF[verdict.outcome]
        if result == "success" or (verdict.is_clients_fault and not state.client_errors):
            return False, ""
        return result != "cancelled", verdict.error_type or verdict.outcome

    def _describe(self, verdict: Verdict) -> None:
        if self.native is not None and self.native is not UNREAD:
            self._describe_beside(self.native, verdict)
            return
        if verdict is OK and self._is_named:  # the usual case: all else was said at the beginning
            self.span.set_attributes(_OK_ATTRIBUTES)
            return
        name, attributes, is_error = self._description(verdict)
        if name != self._name:
            self.span.update_name(name)
        self.span.set_attributes(attributes)
        if is_error:
            self.span.set_status(Status(StatusCode.ERROR))

    def _describe_beside(self, native: NativePart, verdict: Verdict) -> None:
        """The same where a library has told its part: what it wrote stays for other readers."""
        if (
            verdict is OK and self._is_named and not (native.has_status or native.has_events)
            and self.says(native.name, native.told)
        ):  # fmt: skip
            self.span.set_attributes(_OK_ATTRIBUTES)
            return
        name, attributes, is_error = self._description(verdict)
        told = native.told
        self.span.set_attributes(
            {key: value for key, value in attributes.items() if key not in told}
        )
        if is_error and not native.has_status:
            self.span.set_status(Status(StatusCode.ERROR))
        ours = {**self._began, **attributes}
        native.ours = {key: value for key, value in ours.items() if key in told}
        if native.ours == told and native.name == name and not native.has_events:
            return  # it says the same: the usual case with mcp 2
        native.name = name
        native.status = StatusCode.ERROR if is_error else StatusCode.UNSET
        expect(self.span.get_span_context().span_id, native)

    def _description(self, verdict: Verdict) -> tuple[str, dict[str, Any], bool]:
        """Name, attributes that end it, and whether it counts as an error."""
        is_error, error_type = self._judged(verdict)
        result = RESULT_OF[verdict.outcome] if error_type else "success"
        attributes: dict[str, Any] = {sc.CORTEX_OUTCOME: verdict.outcome, sc.CORTEX_RESULT: result}
        if error_type:
            attributes[sc.ERROR_TYPE] = error_type
        if verdict.code:
            attributes[sc.RPC_RESPONSE_STATUS_CODE] = verdict.code
        if verdict.is_soft:
            attributes[sc.CORTEX_SOFT_ERROR] = True
        if verdict.exception is not None and is_error:
            summary = summarize_exception(verdict.exception)
            attributes[sc.CORTEX_EXCEPTION_TYPE] = summary.error_type
            attributes[sc.CORTEX_ERROR_LOCATION] = summary.message
            if state.capture_content:
                attributes[sc.EXCEPTION_MESSAGE] = str(verdict.exception)
        if self.is_known:
            attributes[_TARGETS[self.method]] = self.target
            if self.method in _SPAN_TARGETS:
                return f"{self._verb} {self.target}", attributes, is_error
        return self._name, attributes, is_error

    def _measure(self, verdict: Verdict, elapsed: int) -> None:
        if state.operation_duration is None:
            return
        is_named = self._is_named or (self.is_known and self.method in _SPAN_TARGETS)
        tool = self.target if is_named else ""
        _, error_type = self._judged(verdict)
        key = (
            self.method if self.method in _METHODS else _OTHER, tool, error_type, verdict.code,
            state.service, self._tier, self._peer.transport, self._peer.protocol_version,
        )  # fmt: skip
        attributes = _metric_attributes.get(key)
        if attributes is None:
            name, tool, error_type, code, service, tier, transport, version = key
            values = (
                name, tool, few("error", error_type), few("code", code), service, tier, transport,
                few("protocol", version),
            )  # fmt: skip
            names = (
                sc.MCP_METHOD_NAME, _TARGETS.get(self.method, ""), sc.ERROR_TYPE,
                sc.RPC_RESPONSE_STATUS_CODE, sc.CORTEX_SERVICE, sc.CORTEX_USER_TIER,
                sc.NETWORK_TRANSPORT, sc.MCP_PROTOCOL_VERSION,
            )  # fmt: skip
            attributes = {name: value for name, value in zip(names, values, strict=True) if value}
            if self.method == sc.METHOD_TOOLS_CALL:
                attributes[sc.GEN_AI_OPERATION_NAME] = sc.OPERATION_EXECUTE_TOOL
            if len(_metric_attributes) >= _MAX_COMBINATIONS:
                _metric_attributes.clear()  # those in use come back at their next request
            _metric_attributes[key] = attributes
        state.operation_duration.record(elapsed / 1e9, attributes)


def begin(  # noqa: PLR0917 - what each adapter has at hand, in the order it comes
    known: ToolNames,
    method: str,
    params: Mapping[str, Any],
    request_id: object,
    meta: Mapping[str, Any],
    peer: Peer,
) -> McpRequest | None:
    """Start the telemetry of a request; its span is current from here to its end.

    Args:
        known: the names of the server.
        method: ``tools/call`` …; what it says may come from anybody.
        params: of the request; only ``name``, ``uri`` and ``requestState`` are looked at.
        request_id: the JSON-RPC id.
        meta: ``_meta`` of the request.
        peer: who sent it.

    Returns:
        ``None`` if it could not be started, or nothing is being recorded; never raises.
    """
    if state.tracer is None or not state.active or asks_itself.get():
        return None
    try:
        context, links = _context_of(meta)
        asked = params.get("requestState")
        if isinstance(asked, str) and (asking := _open_calls.pop(asked, None)) is not None:
            links.append(Link(asking))
        return _begin(known, method, params, request_id, peer, context, links)
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_request.start", error, lost=1)
        return None


def begin_in_process(known: ToolNames, tool: str) -> McpRequest | None:
    """Start the telemetry of a tool that the program itself calls by its server, for no client.

    One span as a decorated tool has it: SERVER at the top, INTERNAL under another local span.

    Args:
        known: the names of the server.
        tool: the name that is called.

    Returns:
        ``None`` as :func:`begin`.
    """
    if state.tracer is None or not state.active or asks_itself.get():
        return None
    try:
        context = context_api.get_current()
        parent = trace.get_current_span(context).get_span_context()
        is_local = parent.is_valid and not parent.is_remote
        return _begin(
            known, sc.METHOD_TOOLS_CALL, {"name": tool}, None, Peer(), context, [],
            is_internal=is_local,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - the host's call
        guard.swallowed("mcp_request.start", error, lost=1)
        return None


def _begin(  # noqa: PLR0917 - of the two above
    known: ToolNames, method: str, params: Mapping[str, Any], request_id: object, peer: Peer,
    context: context_api.Context, links: list[Link], *, is_internal: bool = False,
) -> McpRequest:  # fmt: skip
    tracer = cast("Tracer", state.tracer)
    target = _target_of(method, params)
    tier, attributes, inherited = _attributes_of(method, request_id, peer, context)
    name = verb = sc.OPERATION_EXECUTE_TOOL if is_internal else attributes[sc.MCP_METHOD_NAME]
    is_named = method in _SPAN_TARGETS and known.has(method, target)
    if is_named:
        name = f"{verb} {target}"
        attributes[_TARGETS[method]] = target
    if state.capture_content and method == sc.METHOD_TOOLS_CALL:
        attributes[sc.GEN_AI_TOOL_CALL_ARGUMENTS] = repr(params.get("arguments"))
    now = time.time_ns()
    span = tracer.start_span(
        name, context=context, kind=SpanKind.INTERNAL if is_internal else SpanKind.SERVER,
        attributes=attributes, links=links or None, start_time=now,
    )  # fmt: skip
    request = McpRequest(
        known, method, target, peer, span, verb, name, tier, inherited, is_named=is_named
    )
    request._began = attributes  # noqa: SLF001 - its maker
    request._attach(context, now)  # noqa: SLF001 - the same; nothing may fail after it
    return request


def _target_of(method: str, params: Mapping[str, Any]) -> str:
    """What is asked for, if it is told as the protocol wants it: else ``""``."""
    if method == sc.METHOD_RESOURCES_READ:
        uri = params.get("uri")
        return "" if uri is None else str(uri)
    name = params.get("name") if method in _TARGETS else None
    return name if isinstance(name, str) else ""


def _context_of(meta: Mapping[str, Any]) -> tuple[context_api.Context, list[Link]]:
    """The caller's context, and a link to the span around us where that is another's."""
    ambient = context_api.get_current()
    if meta.keys().isdisjoint(_CARRIED):
        return ambient, []
    carrier = {
        key: value
        for key in _CARRIED
        if isinstance(value := meta.get(key), str) and len(value) <= _MAX_CARRIED_LENGTH
    }
    if not carrier:
        return ambient, []
    context = propagate.extract(carrier, ambient)
    here = trace.get_current_span(ambient).get_span_context()
    there = trace.get_current_span(context).get_span_context()
    return context, [Link(here)] if here.is_valid and here != there else []


class _Repeated(NamedTuple):
    """What is known of every request of one method and peer."""

    tier: str
    attributes: dict[str, Any]
    inherited: Mapping[str, str]


_repeated: dict[tuple[str, Peer, str, str], _Repeated] = {}


def _attributes_of(
    method: str, request_id: object, peer: Peer, context: context_api.Context
) -> tuple[str, dict[str, Any], Mapping[str, str]]:
    """The tier, all that is known of a request when it begins, and what others inherit of it."""
    tier = identity.current().tier
    if state.baggage or (peer.transport == "tcp" and not peer.session_id):
        found = _repeated_of_request(method, peer, tier, context)
    else:
        key = (method, peer, tier, state.service)
        known = _repeated.get(key)
        if known is None:
            if len(_repeated) >= _MAX_REPEATED:  # peers may call themselves anything
                _repeated.clear()
            known = _repeated[key] = _repeated_of_request(method, peer, tier, context)
        found = known
    attributes = found.attributes.copy()
    if request_id is not None and len(text := str(request_id)) <= _MAX_ID_LENGTH:
        attributes[sc.JSONRPC_REQUEST_ID] = text
    return found.tier, attributes, found.inherited


def _repeated_of_request(
    method: str, peer: Peer, tier: str, context: context_api.Context
) -> _Repeated:
    told = _told_by_baggage(context) if state.baggage else {}
    tier = told.get(sc.CORTEX_USER_TIER, tier)
    attributes: dict[str, Any] = {
        sc.MCP_METHOD_NAME: method if method in _METHODS else _OTHER,
        sc.CORTEX_SERVICE: state.service,
        **told,
        sc.CORTEX_USER_TIER: tier,
    }
    if method == sc.METHOD_TOOLS_CALL:
        attributes[sc.GEN_AI_OPERATION_NAME] = sc.OPERATION_EXECUTE_TOOL
        attributes[sc.CORTEX_EVENT_TYPE] = sc.MCP_TOOL_CALL
    if peer.protocol_version:
        attributes[sc.MCP_PROTOCOL_VERSION] = peer.protocol_version
    if peer.transport:
        attributes[sc.NETWORK_TRANSPORT] = peer.transport
        if peer.transport in _TRANSPORT_PROTOCOL:
            attributes[sc.NETWORK_PROTOCOL_NAME] = _TRANSPORT_PROTOCOL[peer.transport]
    if peer.client_name:
        attributes[sc.CORTEX_CLIENT_NAME] = peer.client_name
    if peer.client_version:
        attributes[sc.CORTEX_CLIENT_VERSION] = peer.client_version
    if peer.session_id:
        attributes[sc.MCP_SESSION_ID] = peer.session_id
    elif peer.transport == "tcp" and sc.SESSION_ID not in told:
        attributes[sc.SESSION_ID] = joined_session(peer, told.get(sc.USER_HASH, ""))
    inherited: dict[str, Any] = {key: attributes[key] for key in _INHERITED if key in attributes}
    return _Repeated(tier, attributes, inherited)


def _told_by_baggage(context: context_api.Context) -> dict[str, str]:
    """User, tier and session, from those baggage keys that the operator trusts."""
    readers: dict[str, Callable[[str], tuple[str, str]]] = {
        "user": lambda value: (sc.USER_HASH, identity.user_hash(value)),
        "tier": lambda value: (sc.CORTEX_USER_TIER, value if value in sc.TIERS else ""),
        "session": lambda value: (sc.SESSION_ID, value),
    }
    found = {}
    for what, key in state.baggage.items():
        value = baggage.get_baggage(key, context)
        if isinstance(value, str) and value:
            name, kept = readers[what](value)
            if kept:
                found[name] = kept
    return found
