"""The telemetry of one MCP request as a server sees it on the wire: one SERVER span, one point.

An adapter of :mod:`.stacks` begins it, adds what it learns about it, and ends it once. Meanwhile
its span is the current one, so that attributes that the tool sets are recorded there.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from cortex_otel import guard
from cortex_otel import semconv as sc
from cortex_otel.instrument.methods import METHODS, OTHER, SPAN_TARGETS, TARGETS
from cortex_otel.instrument.outcome import OK, RESULT_OF, Verdict
from cortex_otel.instrument.request_attributes import attributes_of
from cortex_otel.instrument.request_metrics import metric_attributes
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.state import state
from cortex_otel.process.exceptions import summarize_exception
from cortex_otel.process.native_spans import UNREAD, expect
from cortex_otel.span import internals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, SpanContext, Tracer

    from cortex_otel.instrument.tool_names import ToolNames
    from cortex_otel.process.native_spans import NativePart

__all__ = ["McpRequest", "begin", "begin_in_process", "current", "is_internal_query"]

_PROPAGATED: Final = ("traceparent", "tracestate", "baggage")
_MAX_PROPAGATED_LENGTH = 8192
_MAX_OPEN_CALLS = 256

_current: ContextVar[McpRequest | None] = ContextVar("cortex_otel_mcp_request", default=None)
#: Set while a server makes a request to itself, which isn't recorded.
is_internal_query: ContextVar[bool] = ContextVar("cortex_otel_mcp_is_internal_query", default=False)
# Calls that asked the client for input, by the state that the client sends back.
_open_calls: OrderedDict[str, SpanContext] = OrderedDict()
_OK_ATTRIBUTES: Final = {sc.CORTEX_OUTCOME: OK.outcome, sc.CORTEX_RESULT: RESULT_OF[OK.outcome]}


def current() -> McpRequest | None:
    """The request being served in this context; ``None`` in tasks that outlive their request."""
    request = _current.get()
    return None if request is None or request.is_over else request


class McpRequest:
    """One request; made by :func:`begin`, ended once."""

    __slots__ = (
        "_claimed", "_is_named", "_name", "_peer", "_start", "_start_attributes",
        "_start_unix_nano", "_tier", "_tokens", "_verb", "exception", "has_run", "inherited",
        "is_over", "known", "method", "native", "span", "target", "unrun_repr",
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
        self._start_attributes: Mapping[str, Any] = {}
        self._claimed = False
        self.is_over = False
        """Whether it was answered or abandoned."""
        self.has_run = False
        """Whether a failure is about the tool's result, not about its arguments."""
        self.unrun_repr = ""
        """The repr of a generator or coroutine object that a stack returned as a tool's result."""
        self._tokens: tuple[Any, Any] | None = None
        self._start = self._start_unix_nano = 0
        self.span = span
        self.method = method
        self.target = target
        self.inherited = inherited
        """User, tier and session of the request, for records inside it."""
        self.native: NativePart | None = None
        """What the MCP library itself has written to the span: see :mod:`.native_spans`."""
        self.exception: BaseException | None = None
        """The last exception seen of the tool; only used if the request fails."""

    @property
    def is_known(self) -> bool:
        """Whether the server has the target."""
        return self.method in TARGETS and self.known.has(self.method, self.target)

    @property
    def has_tool(self) -> bool | None:
        """Whether the server has the tool; ``None`` if no tool is called."""
        return self.is_known if self.method == sc.METHOD_TOOLS_CALL else None

    def learn(self, name: str | None = None) -> None:
        """Note that the server has ``name`` (the target if not given)."""
        if self.method in TARGETS:
            self.known.answered(self.method, self.target if name is None else name)

    def has_same(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Whether its span has had the same name and attributes from the start."""
        return name == self._name and attributes.items() <= self._start_attributes.items()

    def claim(self, tool: str) -> bool:
        """Whether a decorated function of that name is the tool that this request calls.

        The first one is, unless the server has another tool of that name: then the tool has called
        it, and it is a call of its own.
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
        """End the request, which was answered or never will be; never raises."""
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
        """Note that the response asks for input, which comes with ``request_state``."""
        if isinstance(request_state, str) and len(request_state) <= _MAX_PROPAGATED_LENGTH:
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
        # It may end in another context than it began in, where nothing is to be reset.
        try:  # noqa: SIM105 - as quick as can be, at each call
            _current.reset(tokens[1])
        except ValueError:
            pass
        internals.detach(tokens[0])

    @staticmethod
    def _error_of(verdict: Verdict) -> tuple[bool, str]:
        """Whether it counts as an error, and ``error.type``, which cancelled ones have too."""
        result = RESULT_OF[verdict.outcome]
        if result == "success" or (verdict.is_clients_fault and not state.client_errors):
            return False, ""
        return result != "cancelled", verdict.error_type or verdict.outcome

    def _describe(self, verdict: Verdict) -> None:
        if self.native is not None and self.native is not UNREAD:
            self._describe_native(self.native, verdict)
            return
        if verdict is OK and self._is_named:  # the usual case: all else was set at the start
            self.span.set_attributes(_OK_ATTRIBUTES)
            return
        name, attributes, is_error = self._description(verdict)
        if name != self._name:
            self.span.update_name(name)
        self.span.set_attributes(attributes)
        if is_error:
            self.span.set_status(Status(StatusCode.ERROR))

    def _describe_native(self, native: NativePart, verdict: Verdict) -> None:
        """The same if a library has written to the span, which stays for other exporters."""
        if (
            verdict is OK
            and self._is_named
            and not (native.has_status or native.has_events)
            and self.has_same(native.name, native.given)
        ):
            self.span.set_attributes(_OK_ATTRIBUTES)
            return
        name, attributes, is_error = self._description(verdict)
        written = native.given
        self.span.set_attributes(
            {key: value for key, value in attributes.items() if key not in written}
        )
        if is_error and not native.has_status:
            self.span.set_status(Status(StatusCode.ERROR))
        ours = {**self._start_attributes, **attributes}
        native.ours = {key: value for key, value in ours.items() if key in written}
        if native.ours == written and native.name == name and not native.has_events:
            return  # the same attributes: the usual case with mcp 2
        native.name = name
        native.status = StatusCode.ERROR if is_error else StatusCode.UNSET
        expect(self.span.get_span_context().span_id, native)

    def _description(self, verdict: Verdict) -> tuple[str, dict[str, Any], bool]:
        """Name and final attributes, and whether it counts as an error."""
        is_error, error_type = self._error_of(verdict)
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
            attributes[TARGETS[self.method]] = self.target
            if self.method in SPAN_TARGETS:
                return f"{self._verb} {self.target}", attributes, is_error
        return self._name, attributes, is_error

    def _measure(self, verdict: Verdict, elapsed: int) -> None:
        if state.operation_duration is None:
            return
        is_named = self._is_named or (self.is_known and self.method in SPAN_TARGETS)
        _, error_type = self._error_of(verdict)
        key = (
            self.method if self.method in METHODS else OTHER,
            self.target if is_named else "",
            error_type,
            verdict.code,
            state.service,
            self._tier,
            self._peer.transport,
            self._peer.protocol_version,
        )
        state.operation_duration.record(elapsed / 1e9, metric_attributes(key))


def begin(  # noqa: PLR0917 - called by adapters only
    known: ToolNames,
    method: str,
    params: Mapping[str, Any],
    request_id: object,
    meta: Mapping[str, Any],
    peer: Peer,
) -> McpRequest | None:
    """Start the telemetry of a request; its span is current until the request ends.

    Args:
        known: the names of the server.
        method: ``tools/call`` …; any text, since clients choose it.
        params: the request's; only ``name``, ``uri`` and ``requestState`` are read.
        request_id: the JSON-RPC id.
        meta: ``_meta`` of the request.
        peer: the client that sent it.

    Returns:
        ``None`` if that failed, or nothing is being recorded; never raises.
    """
    if state.tracer is None or not state.active or is_internal_query.get():
        return None
    try:
        context, links = _context_of(meta)
        request_state = params.get("requestState")
        earlier = _open_calls.pop(request_state, None) if isinstance(request_state, str) else None
        if earlier is not None:
            links.append(Link(earlier))
        return _begin(known, method, params, request_id, peer, context, links)
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_request.start", error, lost=1)
        return None


def begin_in_process(known: ToolNames, tool: str) -> McpRequest | None:
    """Start the telemetry of a tool that the program itself calls on its server, without a client.

    One span as for a decorated tool: SERVER at the top, INTERNAL under another local span.

    Args:
        known: the names of the server.
        tool: the tool's name.

    Returns:
        As :func:`begin`.
    """
    if state.tracer is None or not state.active or is_internal_query.get():
        return None
    try:
        context = context_api.get_current()
        parent = trace.get_current_span(context).get_span_context()
        is_local = parent.is_valid and not parent.is_remote
        return _begin(
            known,
            sc.METHOD_TOOLS_CALL,
            {"name": tool},
            None,
            Peer(),
            context,
            [],
            is_internal=is_local,
        )
    except Exception as error:  # noqa: BLE001 - the host's call
        guard.swallowed("mcp_request.start", error, lost=1)
        return None


def _begin(  # noqa: PLR0917 - of the two above
    known: ToolNames,
    method: str,
    params: Mapping[str, Any],
    request_id: object,
    peer: Peer,
    context: context_api.Context,
    links: list[Link],
    *,
    is_internal: bool = False,
) -> McpRequest:
    tracer = cast("Tracer", state.tracer)
    target = _target_of(method, params)
    tier, attributes, inherited = attributes_of(method, request_id, peer, context)
    name = verb = sc.OPERATION_EXECUTE_TOOL if is_internal else attributes[sc.MCP_METHOD_NAME]
    is_named = method in SPAN_TARGETS and known.has(method, target)
    if is_named:
        name = f"{verb} {target}"
        attributes[TARGETS[method]] = target
    if state.capture_content and method == sc.METHOD_TOOLS_CALL:
        attributes[sc.GEN_AI_TOOL_CALL_ARGUMENTS] = repr(params.get("arguments"))
    now = time.time_ns()
    span = tracer.start_span(
        name,
        context=context,
        kind=SpanKind.INTERNAL if is_internal else SpanKind.SERVER,
        attributes=attributes,
        links=links or None,
        start_time=now,
    )
    request = McpRequest(
        known, method, target, peer, span, verb, name, tier, inherited, is_named=is_named
    )
    request._start_attributes = attributes  # noqa: SLF001 - its maker
    request._attach(context, now)  # noqa: SLF001 - the same; nothing may fail after it
    return request


def _target_of(method: str, params: Mapping[str, Any]) -> str:
    """The target, if it is given as the protocol requires, else ``""``."""
    if method == sc.METHOD_RESOURCES_READ:
        uri = params.get("uri")
        return "" if uri is None else str(uri)
    name = params.get("name") if method in TARGETS else None
    return name if isinstance(name, str) else ""


def _context_of(meta: Mapping[str, Any]) -> tuple[context_api.Context, list[Link]]:
    """The caller's context, and a link to the surrounding span if that is another one."""
    ambient = context_api.get_current()
    if meta.keys().isdisjoint(_PROPAGATED):
        return ambient, []
    carrier = {
        key: value
        for key in _PROPAGATED
        if isinstance(value := meta.get(key), str) and len(value) <= _MAX_PROPAGATED_LENGTH
    }
    if not carrier:
        return ambient, []
    context = propagate.extract(carrier, ambient)
    surrounding = trace.get_current_span(ambient).get_span_context()
    caller = trace.get_current_span(context).get_span_context()
    return context, [Link(surrounding)] if surrounding.is_valid and surrounding != caller else []
