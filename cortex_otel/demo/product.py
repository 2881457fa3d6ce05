"""The product that the synthetic users use: its tools, UI elements and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CATEGORIES", "EXTENSION_ERRORS", "LANGUAGES", "SERVER_VERSIONS", "TOOLS", "VERSIONS", "Tool",
    "elements_on",
]  # fmt: skip

#: Versions of the extension and of the MCP server, oldest first.
VERSIONS = ("1.3.0", "1.4.0", "1.4.2")
SERVER_VERSIONS = ("2.2.0", "2.3.0", "2.3.1")


class Tool(NamedTuple):
    """A tool of the MCP server: frequency, duration and failures."""

    weight: int
    median_ms: float
    spread: float
    """Sigma of the logarithm."""
    errors: float
    """Share of calls that fail."""
    timeouts: float
    error: str
    parameters: str
    backend: str = ""
    """``http`` or ``sqlite``: what it calls, as a child span."""


TOOLS: Mapping[str, Tool] = {
    "search_context": Tool(30, 95, 0.7, 0.012, 0.004, "SearchError", "query:str,top_k:int", "http"),
    "read_memory": Tool(16, 9, 0.6, 0.006, 0.0, "KeyError", "note:str"),
    "update_memory": Tool(13, 24, 0.6, 0.009, 0.0, "OSError", "note:str,text:str"),
    "compress_context": Tool(11, 310, 0.6, 0.014, 0.006, "ModelError", "notes:list,share:float",
                             "http"),
    "suggest_references": Tool(10, 130, 0.5, 0.010, 0.002, "SearchError", "text:str,top_k:int",
                               "http"),
    "accept_reference": Tool(7, 6, 0.5, 0.004, 0.0, "KeyError", "note:str"),
    "create_branch": Tool(5, 18, 0.5, 0.031, 0.0, "BranchExistsError", "topic:str,automatic:bool",
                          "sqlite"),
    "switch_branch": Tool(4, 12, 0.5, 0.018, 0.0, "KeyError", "name:str"),
    "list_branches": Tool(4, 7, 0.4, 0.002, 0.0, "OSError", ""),
    "classify_ontology": Tool(5, 46, 0.6, 0.016, 0.0, "ModelError", "text:str"),
    "summarize_session": Tool(3, 640, 0.6, 0.022, 0.012, "ModelError", "length:int", "http"),
    "merge_branches": Tool(2, 85, 0.7, 0.070, 0.0, "MergeConflictError", "source:str,target:str",
                           "sqlite"),
    "find_duplicates": Tool(2, 420, 0.8, 0.012, 0.015, "MemoryError", "threshold:float", "sqlite"),
    "rebuild_index": Tool(1, 2300, 0.5, 0.020, 0.040, "OSError", "timeout_ms:int", "http"),
    "export_memory": Tool(1, 180, 0.6, 0.110, 0.0, "PermissionError", "path:str"),
}  # fmt: skip

_ELEMENTS = (
    ("open_panel", 26), ("search_box", 20), ("accept_suggestion", 18), ("branch_picker", 11),
    ("memory_tree", 9), ("compress_button", 7), ("settings", 3), ("status_bar", 12),
    ("graph_view", 5), ("share_note", 2), ("timeline", 4), ("feedback", 1), ("pin_note", 3),
)  # fmt: skip
#: An element that the last versions lack: a feature that nobody uses any more.
_RETIRED, _RETIRED_FROM_DAY = "feedback", 55
_LATER_ELEMENTS = tuple(each for each in _ELEMENTS if each[0] != _RETIRED)
LANGUAGES = (
    ("typescript", 34),
    ("python", 33),
    ("java", 11),
    ("go", 9),
    ("rust", 5),
    ("kotlin", 8),
)
CATEGORIES = ("architecture", "decision", "incident", "how-to", "api", "data", "team", "release")
EXTENSION_ERRORS = (
    ("TypeError", "extension:renderPanel:214"), ("NetworkError", "client:connect:88"),
    ("TimeoutError", "client:request:131"), ("RangeError", "graph:layout:402"),
)  # fmt: skip


def elements_on(day: int) -> tuple[tuple[str, int], ...]:
    """The UI elements on a day of the data, with their frequency."""
    return _ELEMENTS if day < _RETIRED_FROM_DAY else _LATER_ELEMENTS
