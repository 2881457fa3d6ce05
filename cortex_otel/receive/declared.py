"""What the receiver takes in plain JSON, and what a client says once for all of its records.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMON", "ROUTES", "SENT_ONCE", "Common", "Route"]


class Route(NamedTuple):
    """A path that takes events of one type."""

    event_type: str
    summary: str
    fields: Mapping[str, tuple[str | float, ...]]
    """What each must be: a kind, and what bounds it."""


class Common(NamedTuple):
    """A field that every event may have."""

    key: str
    meaning: str
    of_sender: bool = False
    """It is the sender's: few distinct ones, each with a session row of its own."""


ROUTES: Final[Mapping[str, Route]] = {
    "/api/telemetry/extension/install": Route(
        sc.EXT_INSTALL,
        "The extension was installed",
        {
            "ide": ("label",),
            "version": ("label",),
            "ide_version": ("label",),
        },
    ),
    "/api/telemetry/extension/activate": Route(
        sc.EXT_ACTIVATE,
        "The extension was activated in a window",
        {
            "ide": ("label",),
            "project_path": ("text",),
            "ide_version": ("label",),
        },
    ),
    "/api/telemetry/extension/ui-interaction": Route(
        sc.EXT_UI_INTERACTION,
        "The user used an element of the extension",
        {
            "action": ("label",),
            "element": ("label",),
        },
    ),
    "/api/telemetry/extension/code-insert": Route(
        sc.EXT_CODE_INSERT,
        "Code was inserted into the editor",
        {
            "language": ("label",),
            "lines_inserted": ("count",),
            "completion_accepted": ("flag",),
        },
    ),
    "/api/telemetry/extension/context-switch": Route(
        sc.EXT_CONTEXT_SWITCH,
        "The user went from one branch to another, or opened a file",
        {
            "from_branch": ("text",),
            "to_branch": ("text",),
            "file_path": ("text",),
        },
    ),
    "/api/telemetry/extension/error": Route(
        sc.EXT_ERROR,
        "Something failed in the extension",
        {
            "error_type": ("error_name",),
            "message": ("text",),
            "stack": ("stack",),
            "crash": ("flag",),
            "result": ("choice", "error", "timeout"),
        },
    ),
}

COMMON: Final[Mapping[str, Common]] = {
    "id": Common(
        sc.LOG_RECORD_UID,
        "Id of the event, e.g. a UUID: sent again with the same time it is stored once.",
    ),
    "session_id": Common(sc.SESSION_ID, "The session it belongs to."),
    "user_id": Common(sc.USER_ID, "User id; hashed on arrival, never kept."),
    "user_hash": Common(sc.USER_HASH, "In place of user_id, where the client hashes."),
    "tier": Common(sc.CORTEX_USER_TIER, "User tier; free by default."),
    "project_id": Common(sc.CORTEX_PROJECT_ID, "Project; hashed if it looks like a path."),
    "branch_id": Common(sc.CORTEX_BRANCH_ID, "Branch; hashed if it looks like a path."),
    "ide": Common(sc.CORTEX_IDE, "The editor, e.g. vscode.", of_sender=True),
    "extension_version": Common(
        sc.CORTEX_EXTENSION_VERSION, "Version of the extension.", of_sender=True
    ),
    "os": Common(sc.OS_TYPE, "Operating system, e.g. linux.", of_sender=True),
}

SENT_ONCE: Final = (sc.CORTEX_IDE, sc.CORTEX_IDE_VERSION, sc.CORTEX_EXTENSION_VERSION)
"""Fields of events that a resource may have in their place."""
