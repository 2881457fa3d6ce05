"""The telemetry clients under the names that Cortex's services call.

Generated from telemetry/registry by ``make generate``: change it there.

Each method is one typed event of :mod:`cortex_otel.instrument.events`, recorded at the call; units,
bounds and what is kept of a value are documented there. Those and any other event are also recorded
by the general form, :meth:`TelemetryClient.track_event`. No method raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel.instrument import event_types, events
from cortex_otel.instrument.arguments import never_raises
from cortex_otel.instrument.client import TelemetryClient, TelemetryEvent

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Literal

    from cortex_otel.instrument.events import Result

__all__ = [
    "ExtensionTelemetryClient",
    "McpTelemetryClient",
    "TelemetryClient",
    "TelemetryEvent",
    "get_extension_telemetry_client",
    "get_mcp_telemetry_client",
]


class McpTelemetryClient(TelemetryClient):
    """Events of the MCP server."""

    __slots__ = ()

    @never_raises(event_types.TOOL_CALL, None)
    def track_tool_call(
        self,
        tool_name: str,
        *,
        parameters: Mapping[str, object] | None = None,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """A call of an MCP tool, where the tool isn't instrumented by itself."""
        events.tool_call(
            tool_name=tool_name,
            parameters=parameters,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )

    @never_raises(event_types.BRANCH_CREATE, None)
    def track_branch_create(
        self,
        topic: str,
        *,
        automatic: bool = False,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """A context branch was made."""
        events.branch_create(
            topic=topic,
            automatic=automatic,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )

    @never_raises(event_types.SEARCH_CONTEXT, None)
    def track_search_context(
        self,
        query: str,
        *,
        top_k: int | None = None,
        results: int | None = None,
        recall: float | None = None,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """The context was searched."""
        events.search_context(
            query=query,
            top_k=top_k,
            results=results,
            recall=recall,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )

    @never_raises(event_types.UPDATE_MEMORY, None)
    def track_update_memory(
        self,
        file_size_bytes: int | None = None,
        token_count: int | None = None,
        *,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """A memory file was written."""
        events.update_memory(
            file_size_bytes=file_size_bytes,
            token_count=token_count,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )

    @never_raises(event_types.COMPRESS_CONTEXT, None)
    def track_compress_context(
        self,
        tokens_before: int,
        tokens_after: int | None = None,
        *,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """Smart Context made a context smaller; the savings rate is computed."""
        events.compress_context(
            tokens_before=tokens_before,
            tokens_after=tokens_after,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )

    @never_raises(event_types.REFERENCE_SUGGEST, None)
    def track_reference_suggest(
        self,
        suggested: int,
        accepted: int = 0,
    ) -> None:
        """References were suggested, or suggested ones accepted."""
        events.reference_suggest(
            suggested=suggested,
            accepted=accepted,
        )

    @never_raises(event_types.ONTOLOGY_CLASSIFY, None)
    def track_ontology_classify(
        self,
        category: str | None = None,
        confidence: float | None = None,
        *,
        duration_ms: float | None = None,
        result: Result | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """A piece of context was put into a category."""
        events.ontology_classify(
            category=category,
            confidence=confidence,
            duration_ms=duration_ms,
            result=result,
            error=error,
        )


class ExtensionTelemetryClient(TelemetryClient):
    """Events of the IDE extension."""

    __slots__ = ()

    @never_raises(event_types.INSTALL, None)
    def track_install(
        self,
        ide: str,
        version: str | None = None,
        ide_version: str | None = None,
    ) -> None:
        """The extension was installed."""
        events.install(
            ide=ide,
            version=version,
            ide_version=ide_version,
        )

    @never_raises(event_types.ACTIVATE, None)
    def track_activate(
        self,
        ide: str,
        project_path: str | os.PathLike[str] | None = None,
        ide_version: str | None = None,
    ) -> None:
        """The extension was activated in a window."""
        events.activate(
            ide=ide,
            project_path=project_path,
            ide_version=ide_version,
        )

    @never_raises(event_types.UI_INTERACTION, None)
    def track_ui_interaction(
        self,
        action: str,
        element: str | None = None,
    ) -> None:
        """The user used an element of the extension."""
        events.ui_interaction(
            action=action,
            element=element,
        )

    @never_raises(event_types.CODE_INSERT, None)
    def track_code_insert(
        self,
        language: str,
        lines_inserted: int | None = None,
        completion_accepted: bool | None = None,
    ) -> None:
        """Code was inserted into the editor."""
        events.code_insert(
            language=language,
            lines_inserted=lines_inserted,
            completion_accepted=completion_accepted,
        )

    @never_raises(event_types.CONTEXT_SWITCH, None)
    def track_context_switch(
        self,
        from_branch: str | None = None,
        to_branch: str | None = None,
        file_path: str | os.PathLike[str] | None = None,
    ) -> None:
        """The user went from one branch to another, or opened a file."""
        events.context_switch(
            from_branch=from_branch,
            to_branch=to_branch,
            file_path=file_path,
        )

    @never_raises(event_types.EXTENSION_ERROR, None)
    def track_error(
        self,
        error_type: str,
        message: str | None = None,
        stack: str | None = None,
        crash: bool = False,
        result: Literal["error", "timeout"] | None = None,
    ) -> None:
        """Something failed in the extension."""
        events.extension_error(
            error_type=error_type,
            message=message,
            stack=stack,
            crash=crash,
            result=result,
        )


_MCP: Final = McpTelemetryClient()
_EXTENSION: Final = ExtensionTelemetryClient()


def get_mcp_telemetry_client() -> McpTelemetryClient:
    """The client of the MCP server; always the same object, usable from any thread."""
    return _MCP


def get_extension_telemetry_client() -> ExtensionTelemetryClient:
    """The client of the IDE extension; always the same object, usable from any thread."""
    return _EXTENSION
