"""The calls of a round: plausible use of the two servers, with mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "FAILING_SERVICE", "PEOPLE", "Call", "Person", "calls_of_example", "calls_of_git",
    "calls_that_fail",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One ``tools/call``."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the example server; the id is hashed before it is recorded."""

    user_id: str
    tier: str
    sessions: int
    """How many stretches of work they do in a round."""


PEOPLE = (
    Person("haneul@example.com", "free", 1),
    Person("sofia@example.com", "trial", 2),
    Person("minjun@example.com", "paid", 3),
    Person("olivia@example.com", "enterprise", 4),
)

#: What the server that fails while the pages are served records as.
FAILING_SERVICE = "release"
#: More than an alert needs at least.
_FAILING_CALLS = 15

_QUERIES = (
    "why do we retry payments",
    "what happened to the carts in May",
    "rolling back a release",
    "로그인 토큰 만료",
    "events or calls between services",
    "how is search ranked",
)
_TOPICS = ("Retry queue", "Cart eviction", "Ranking cache", "Login tokens")


def calls_of_example(person: Person) -> Sequence[Call]:
    """The calls of ``person`` to the example server in a round."""
    calls = [call for part in range(person.sessions) for call in _stretch(part)]
    # Three common mistakes: a branch that exists, a short time-out, wrong arguments.
    calls.append(Call("create_branch", {"topic": _TOPICS[0]}))
    if person.sessions > 1:
        calls.append(Call("rebuild_index", {"timeout_ms": 20}))
    calls.append(Call("search_context", {"question": "wrong argument", "top_k": "many"}))
    return calls


def _stretch(part: int) -> Sequence[Call]:
    topic = _TOPICS[part % len(_TOPICS)]
    first, second, third = (_QUERIES[(3 * part + step) % len(_QUERIES)] for step in range(3))
    return (
        Call("create_branch", {"topic": topic, "automatic": part % 2 == 1}),
        Call("search_context", {"query": first}),
        Call("search_context", {"query": second, "top_k": 3}),
        Call("suggest_references", {"text": first}),
        Call("accept_reference", {"note": "payments"}),
        Call("search_context", {"query": third}),
        Call("compress_context", {"notes": ["architecture", "payments", "decisions"]}),
        Call("classify_ontology", {"text": f"{topic}: {second}"}),
        Call("update_memory", {"note": "journal", "text": f"Looked into: {first}."}),
        Call("rebuild_index", {}),
    )


def calls_of_git(repository: Path) -> Sequence[Call]:
    """Calls of an assistant to ``mcp-server-git``; none changes the repository."""
    where = {"repo_path": str(repository)}
    return (
        Call("git_status", where),
        Call("git_log", {**where, "max_count": 5}),
        Call("git_branch", {**where, "branch_type": "local"}),
        Call("git_diff_unstaged", where),
        Call("git_diff_staged", where),
        Call("git_show", {**where, "revision": "HEAD"}),
        Call("git_diff", {**where, "target": "HEAD"}),
        Call("git_log", {**where, "max_count": 20}),
        Call("git_status", where),
        Call("git_show", {**where, "revision": "no-such-revision"}),
        Call("git_branch", {**where, "branch_type": "imaginary"}),
        Call("git_log", {"max_count": 5}),  # without its repository
        Call("git_status", where),
    )


def calls_that_fail(repository: str) -> Sequence[Call]:
    """Calls of an assistant that looks for a tag which nobody has pushed."""
    where = {"repo_path": repository, "revision": "refs/tags/v9.9.9"}
    return [Call("git_show", where)] * _FAILING_CALLS
