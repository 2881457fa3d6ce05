"""An example MCP server with telemetry, for authors to copy.

It differs from a server without telemetry in three things: ``configure`` once, ``instrument_tool``
on each tool (below ``@mcp.tool()``), and, for tools that measure something, one typed event with
the measures. Run it with ``python -m cortex_otel.demo.server``.
"""

from __future__ import annotations

import asyncio
import time

import cortex_otel
from cortex_otel import events
from cortex_otel.demo.memory import Memory, classify, compress, tokens

try:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
except ImportError:  # mcp 1
    from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[attr-defined,no-redef]
    from mcp.server.fastmcp.exceptions import ToolError  # type: ignore[import-not-found,no-redef]

cortex_otel.configure(service="mcp")

mcp = MCPServer("cortex-example")
memory = Memory()


class TookTooLongError(ToolError, TimeoutError):
    """An error message for the model, counted as a time-out."""


@mcp.tool()
@cortex_otel.instrument_tool
def search_context(query: str, top_k: int = 5) -> list[str]:
    """Search the project's notes; gives the best ones."""
    with events.search_context(query=query, top_k=top_k) as event:
        found = memory.search(query, top_k)
        event.set(results=len(found))
    return [memory.notes[name] for name in found]


@mcp.tool()
@cortex_otel.instrument_tool
def update_memory(note: str, text: str) -> str:
    """Append to a note of the project, or begin one."""
    started = time.perf_counter()
    content = memory.write(note, text)
    events.update_memory(
        file_size_bytes=len(content.encode()),
        token_count=tokens(content),
        duration_ms=(time.perf_counter() - started) * 1000,
    )
    return f"{note}: {tokens(content)} tokens"


@mcp.tool()
@cortex_otel.instrument_tool
def compress_context(notes: list[str], share: float = 0.3) -> str:
    """Summarise notes to a share of their length, so that they fit into a prompt."""
    context = " ".join(memory.notes[note] for note in notes)
    with events.compress_context(tokens_before=tokens(context)) as event:
        summary = compress(context, share)
        event.set(tokens_after=tokens(summary))
    return summary


@mcp.tool()
@cortex_otel.instrument_tool
def create_branch(topic: str, automatic: bool = False) -> str:  # noqa: FBT001, FBT002 - by name
    """Begin a branch of work on a topic; fails if there is one."""
    name = "-".join(topic.lower().split())
    if name in memory.branches:
        raise ToolError(f"there is a branch {name} already")
    memory.branches.add(name)
    events.branch_create(topic=topic, automatic=automatic)
    return name


@mcp.tool()
@cortex_otel.instrument_tool
def suggest_references(text: str, top_k: int = 3) -> list[str]:
    """Suggest notes to read along with a text."""
    found = memory.search(text, top_k)
    events.reference_suggest(suggested=len(found))
    return found


@mcp.tool()
@cortex_otel.instrument_tool
def accept_reference(note: str) -> str:
    """Take a suggested note into the context."""
    content = memory.notes[note]
    events.reference_suggest(suggested=0, accepted=1)
    return content


@mcp.tool()
@cortex_otel.instrument_tool
def classify_ontology(text: str) -> str:
    """Say what kind of knowledge a text is."""
    category = classify(text)
    events.ontology_classify(category=category.name, confidence=category.confidence)
    return category.name


@mcp.tool()
@cortex_otel.instrument_tool
async def rebuild_index(timeout_ms: int = 1000) -> str:
    """Index all notes anew; the slow one."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await asyncio.sleep(0.12)  # in place of a call to an embedding model
    except TimeoutError:
        raise TookTooLongError(f"not done within {timeout_ms} ms") from None
    return f"{memory.rebuild_index()} terms"


if __name__ == "__main__":
    mcp.run()
