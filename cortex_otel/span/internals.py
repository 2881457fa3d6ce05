"""OpenTelemetry's private parts that other rooms need, where it has no public way.

Each is reached by a function here, which never takes what is missing for what is empty: where a
version has renamed a part, the public way is taken if there is one, and else
:class:`MissingPartError` is raised, which the caller counts as a fault.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

__all__ = [
    "MissingPartError",
    "detach",
    "give_context",
    "is_suppressed",
    "log_processors",
    "made_by",
    "multi_span_processor",
    "part",
    "preferred_of",
    "preferred_of_otlp",
    "readable_span",
    "remove_log_processor",
    "remove_span_processor",
    "scope_of",
    "span_processors",
    "suppressed",
]

_MISSING = object()


class MissingPartError(AttributeError):
    """This version of OpenTelemetry has no part of that name."""


def part(owner: Any, *names: str) -> Any:
    """The first of these attributes that ``owner`` has.

    Raises:
        MissingPartError: it has none.
    """
    for name in names:
        found = getattr(owner, name, _MISSING)
        if found is not _MISSING:
            return found
    raise MissingPartError(f"no {' or '.join(names)}")


# --- the context ----------------------------------------------------------------------------------


def detach(token: Any) -> None:
    """Detach as the public function does, without its log line and traceback.

    A generator that is closed in another context than it ran in (asyncio does that) fails by
    design, and harmlessly: what was attached is gone with that context.
    """
    try:
        context_api._RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):  # of another context; used before
        pass
    except AttributeError:  # renamed: better a log line than a context that stays
        context_api.detach(token)


def suppressed() -> context_api.Context:
    """The current context, in which nothing is to be instrumented."""
    # The second key is the older one, that instrumentations ask for as well.
    key = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return context_api.set_value(key, True)  # noqa: FBT003 - the API's signature


def is_suppressed() -> bool:
    """Whether nothing is to be instrumented here: an exporter is at work."""
    try:
        return bool(context_api.get_value(context_api._SUPPRESS_INSTRUMENTATION_KEY))
    except AttributeError:
        return not import_module("opentelemetry.instrumentation.utils").is_instrumentation_enabled()


# --- spans ----------------------------------------------------------------------------------------


def readable_span(span: ReadableSpan) -> ReadableSpan:
    """A read-only copy of an ended span; the span itself if it can make none."""
    make = getattr(span, "_readable_span", None)
    copy: ReadableSpan = span if make is None else make()
    return copy


def give_context(span: Any, context: SpanContext) -> None:
    """Let ``span``, which is ours, have other ids.

    Raises:
        MissingPartError: it keeps its own.
    """
    span._context = context
    if span.get_span_context() is not context:
        raise MissingPartError("no _context")


# --- providers ------------------------------------------------------------------------------------


def scope_of(made: Any) -> Any:
    """The instrumentation scope of a tracer, logger or meter."""
    return part(made, "_instrumentation_scope")


def made_by(provider: Any, *names: str) -> list[Any]:
    """The tracers, loggers or meters that were got from ``provider``, by its lists of them.

    Args:
        provider: of the SDK.
        names: of the lists; versions differ.

    Raises:
        MissingPartError: it has none of these lists.
    """
    found: dict[int, Any] = {}
    part(provider, *names)
    for name in names:
        kept = getattr(provider, name, None) or ()
        found |= {id(one): one for one in (kept.values() if isinstance(kept, dict) else list(kept))}
    return list(found.values())


def multi_span_processor(provider: Any) -> Any:
    """What hands spans to the processors of a tracer provider."""
    return part(provider, "_active_span_processor")


def span_processors(provider: Any) -> tuple[Any, ...]:
    """The processors of a tracer provider."""
    return tuple(part(multi_span_processor(provider), "_span_processors"))


def remove_span_processor(provider: Any, processor: Any) -> None:
    """Take a processor out of a tracer provider."""
    _remove(multi_span_processor(provider), "_span_processors", processor)


def log_processors(provider: Any) -> tuple[Any, ...]:
    """The processors of a logger provider."""
    multi = part(provider, "_multi_log_record_processor")
    return tuple(part(multi, "_log_record_processors"))


def remove_log_processor(provider: Any, processor: Any) -> None:
    """Take a processor out of a logger provider."""
    _remove(part(provider, "_multi_log_record_processor"), "_log_record_processors", processor)


def _remove(multi: Any, name: str, processor: Any) -> None:
    with part(multi, "_lock"):
        setattr(multi, name, tuple(one for one in part(multi, name) if one is not processor))


# --- metric exporters -----------------------------------------------------------------------------


def preferred_of(exporter: Any) -> tuple[Any, Any]:
    """Temporality and aggregation that a metric exporter asks for."""
    return part(exporter, "_preferred_temporality"), part(exporter, "_preferred_aggregation")


def preferred_of_otlp() -> tuple[Any, Any]:
    """The same of one for OTLP, without making it."""
    common = import_module("opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder")
    mixin = part(common, "OTLPMetricExporterMixin")()
    return part(mixin, "_get_temporality")(None), part(mixin, "_get_aggregation")(None)
