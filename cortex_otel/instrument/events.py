"""Typed product events of Cortex: one function for each event type.

Generated from telemetry/registry by ``make generate``: change it there.

Things that happen at an instant are recorded at the call and give ``None``. Things that take time
give an :class:`~cortex_otel.instrument.event_handle.EventHandle`, and there are three ways::

    events.search_context(query=q, top_k=5, results=3, duration_ms=8.2)   # recorded at once

    with events.compress_context(tokens_before=1000) as event:            # a span, timed
        event.set(tokens_after=300)

    events.update_memory(file_size_bytes=4096, token_count=900)           # an instant, untimed

The third is recorded when its handle is let go, with the time and the OpenTelemetry context of
the call. CPython lets go of an unused result at once; a handle kept in a variable is recorded when
the variable goes, and one in a reference cycle with the next event after its collection.

In a ``with`` block an exception marks the event ``error``, ``timeout`` (:class:`TimeoutError`) or
``cancelled`` (what is no :class:`Exception`) and passes through untouched.

No function raises. Bad values and unknown arguments are left out, counted by name
(:func:`rejected_values`, and the ledger) and logged once; the rest of the event is kept. ``None``
means not known. Free text (topics, queries, paths, messages, branch names) is
reduced to its length and keyed hash before any processor sees it.

These arguments are common to the events that take time:

* ``duration_ms``: milliseconds the caller measured; records the event at once.
* ``result``: ``success`` unless said otherwise or ``error`` is given.
* ``error``: what failed. An exception is recorded as type and place, a message as length and hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from cortex_otel.instrument import event_types
from cortex_otel.instrument.arguments import never_raises
from cortex_otel.instrument.event_handle import RECORDED, EventHandle, instant, timed
from cortex_otel.instrument.validate import rejected_values

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = [
    "EventHandle",
    "Result",
    "activate",
    "branch_create",
    "code_insert",
    "compress_context",
    "context_switch",
    "extension_error",
    "feature_flag",
    "install",
    "ontology_classify",
    "reference_suggest",
    "rejected_values",
    "search_context",
    "tool_call",
    "ui_interaction",
    "update_memory",
]

Result: TypeAlias = Literal["success", "error", "timeout", "cancelled"]


@never_raises(event_types.TOOL_CALL, RECORDED)
def tool_call(
    *,
    tool_name: str,
    parameters: Mapping[str, object] | None = None,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """A call of an MCP tool, where the tool isn't instrumented by itself.

    Args:
        tool_name: name of the tool, at most 128 characters.
        parameters: arguments of the call; only names and types are recorded.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.TOOL_CALL, locals())


@never_raises(event_types.BRANCH_CREATE, RECORDED)
def branch_create(
    *,
    topic: str,
    automatic: bool = False,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """A context branch was made.

    Args:
        topic: free text; length and hash are recorded.
        automatic: Cortex made it by itself, rather than the user.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.BRANCH_CREATE, locals())


@never_raises(event_types.SEARCH_CONTEXT, RECORDED)
def search_context(
    *,
    query: str,
    top_k: int | None = None,
    results: int | None = None,
    recall: float | None = None,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """The context was searched.

    Args:
        query: free text; length and hash are recorded.
        top_k: number of results asked for.
        results: number of results found.
        recall: share of the needles found, 0 to 1, where a needle-in-a-haystack check ran.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.SEARCH_CONTEXT, locals())


@never_raises(event_types.UPDATE_MEMORY, RECORDED)
def update_memory(
    *,
    file_size_bytes: int | None = None,
    token_count: int | None = None,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """A memory file was written.

    Args:
        file_size_bytes: its size after the update.
        token_count: its tokens after the update.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.UPDATE_MEMORY, locals())


@never_raises(event_types.COMPRESS_CONTEXT, RECORDED)
def compress_context(
    *,
    tokens_before: int,
    tokens_after: int | None = None,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """Smart Context made a context smaller; the savings rate is computed.

    Args:
        tokens_before: tokens of the whole context.
        tokens_after: tokens of what is left of it.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.COMPRESS_CONTEXT, locals())


@never_raises(event_types.REFERENCE_SUGGEST, None)
def reference_suggest(
    *,
    suggested: int,
    accepted: int = 0,
) -> None:
    """References were suggested, or suggested ones accepted.

    Args:
        suggested: number of suggestions; 0 where earlier ones were accepted.
        accepted: number of suggestions accepted.
    """
    instant(event_types.REFERENCE_SUGGEST, locals())


@never_raises(event_types.ONTOLOGY_CLASSIFY, RECORDED)
def ontology_classify(
    *,
    category: str | None = None,
    confidence: float | None = None,
    duration_ms: float | None = None,
    result: Result | None = None,
    error: BaseException | str | None = None,
) -> EventHandle:
    """A piece of context was put into a category.

    Args:
        category: name out of the ontology, at most 128 characters; recorded as it is.
        confidence: 0 to 1.
        duration_ms: milliseconds; see the module.
        result: see the module.
        error: see the module.
    """
    return timed(event_types.ONTOLOGY_CLASSIFY, locals())


@never_raises(event_types.INSTALL, None)
def install(
    *,
    ide: str,
    version: str | None = None,
    ide_version: str | None = None,
) -> None:
    """The extension was installed.

    Args:
        ide: the editor, e.g. ``vscode``.
        version: version of the extension.
        ide_version: version of the editor.
    """
    instant(event_types.INSTALL, locals())


@never_raises(event_types.ACTIVATE, None)
def activate(
    *,
    ide: str,
    project_path: str | os.PathLike[str] | None = None,
    ide_version: str | None = None,
) -> None:
    """The extension was activated in a window.

    Args:
        ide: the editor, e.g. ``vscode``.
        project_path: length and hash are recorded.
        ide_version: version of the editor.
    """
    instant(event_types.ACTIVATE, locals())


@never_raises(event_types.UI_INTERACTION, None)
def ui_interaction(
    *,
    action: str,
    element: str | None = None,
) -> None:
    """The user used an element of the extension.

    Args:
        action: e.g. ``click``; recorded as it is.
        element: name of the element in the code, never its content; recorded as it is.
    """
    instant(event_types.UI_INTERACTION, locals())


@never_raises(event_types.CODE_INSERT, None)
def code_insert(
    *,
    language: str,
    lines_inserted: int | None = None,
    completion_accepted: bool | None = None,
) -> None:
    """Code was inserted into the editor.

    Args:
        language: language id of the editor, e.g. ``python``.
        lines_inserted: number of lines.
        completion_accepted: a completion was accepted; absent where none was offered.
    """
    instant(event_types.CODE_INSERT, locals())


@never_raises(event_types.CONTEXT_SWITCH, None)
def context_switch(
    *,
    from_branch: str | None = None,
    to_branch: str | None = None,
    file_path: str | os.PathLike[str] | None = None,
) -> None:
    """The user went from one branch to another, or opened a file.

    Args:
        from_branch: length and hash are recorded.
        to_branch: length and hash are recorded.
        file_path: file opened; length and hash are recorded.
    """
    instant(event_types.CONTEXT_SWITCH, locals())


@never_raises(event_types.EXTENSION_ERROR, None)
def extension_error(
    *,
    error_type: str,
    message: str | None = None,
    stack: str | None = None,
    crash: bool = False,
    result: Literal["error", "timeout"] | None = None,
) -> None:
    """Something failed in the extension.

    Args:
        error_type: class of the error, e.g. ``RangeError``; recorded as it is.
        message: length and hash are recorded.
        stack: as the runtime prints it; file names, functions and lines are recorded.
        crash: the extension went down; the level becomes CRITICAL.
        result: ``error`` unless it was a time-out.
    """
    instant(event_types.EXTENSION_ERROR, locals())


@never_raises(event_types.FEATURE_FLAG, None)
def feature_flag(
    key: str,
    variant: str,
    reason: str | None = None,
) -> None:
    """The user was exposed to a variant of an A/B experiment.

    https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/

    Args:
        key: key of the flag or experiment.
        variant: which one the user got.
        reason: why, e.g. ``split``, ``targeting_match``, ``static``.
    """
    instant(event_types.FEATURE_FLAG, locals())
