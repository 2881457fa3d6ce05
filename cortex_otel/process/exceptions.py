"""What is kept of an exception: type, module, function and line; its text is never read.

The exception may be anybody's, and so may the text of a stack trace: nothing of either runs, sizes
are cut before any pattern does, and what is no identifier becomes ``_`` or ``Exception``.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel.process.allow_list import ERROR_WORDS
from cortex_otel.process.patterns import is_clean_pairs, scrub

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "MAX_NAME_LENGTH",
    "ErrorSummary",
    "is_class_name",
    "is_location",
    "summarize_exception",
    "summarize_stacktrace",
    "type_name",
]

#: Of a class, a file or a function.
MAX_NAME_LENGTH: Final = 128
_MAX_LOCATION_LENGTH = 1024
_MAX_FRAMES = 20
# An exception object that is raised again and again keeps the frames of all its raises.
_MAX_FRAMES_READ = 1000
_MAX_LINKS = 5
_MAX_STACKTRACE_LENGTH = 65_536
_REMEMBERED = 4096

# ASCII: a word of another script is rather somebody's name than a class's.
_IDENTIFIER = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_DOTTED = re.compile(_IDENTIFIER, re.ASCII)
_LINK = rf"{_IDENTIFIER}(?:\[\d+\])?(?: at [\w.<>-]+:[\w.<>-]+:\d+)?"
_LOCATION = re.compile(rf"{_LINK}(?: <- {_LINK})*", re.ASCII)

_FRAME = re.compile(r' *File "([^"]*)", line (\d{1,9}), in (.{1,256})')
# VS Code's extension host indents its frames by a tab.
_JAVASCRIPT_FRAME = re.compile(
    r"[ \t]{1,8}at (?:async |new )?+(?:([^\s()]{1,256}) (?:\[as [^\s()]{1,256}\] )?)?"
    r"\(?([^()]{1,1024}):(\d{1,9}):\d{1,9}\)?"
)
_HEADER = "Traceback (most recent call last):"
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)$",
    re.MULTILINE,
)
_MEMBERS = re.compile(r"^ *\+-\+-{4,}", re.MULTILINE)
_MARGIN = re.compile(r"^ *[+|] ", re.MULTILINE)
_MEMBER_COUNT = re.compile(r"\((\d{1,6}) sub-exceptions?\)$")
_SOURCE_SUFFIX = re.compile(r"\.(?:py[cw]?|[cm]?[jt]sx?)$")
_NOT_PLACE = re.compile(r"[^\w.<>-]", re.ASCII)


class ErrorSummary(NamedTuple):
    """What is kept of an exception."""

    error_type: str
    """``ValueError``, ``sqlite3.OperationalError``; ``Exception`` if it is no identifier."""
    message: str
    """``RuntimeError at app:run:10 <- KeyError at app:load:7``; never text of an exception."""
    frames: tuple[str, ...]
    """``module:function:line``, outermost first; the innermost 20."""


def summarize_exception(error: BaseException) -> ErrorSummary:
    """Say what went wrong and where, without a word of the exception's own.

    Args:
        error: a live exception. Its traceback and its chain (``__cause__``, else a
            ``__context__`` that isn't suppressed) are followed for 5 links; neither it nor its
            arguments are ever turned into text.

    Returns:
        Its type, the innermost place of each link, and the frames of ``error`` itself.
    """
    links: list[str] = []
    frames: tuple[str, ...] = ()
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(links) < _MAX_LINKS:
        seen.add(id(link))
        of_link = _frames(link)
        count = len(link.exceptions) if isinstance(link, BaseExceptionGroup) else None
        links.append(_link(_class_name(type(link)), count, of_link))
        frames = frames or (of_link if link is error else ())
        # No truth test: an exception may define `__bool__` or `__len__`.
        following = link.__cause__
        if following is None and not link.__suppress_context__:
            following = link.__context__
        link = following
    return ErrorSummary(_class_name(type(error)), " <- ".join(links), frames)


def summarize_stacktrace(exception_type: str, stacktrace: str) -> ErrorSummary:
    """Say the same of an exception that has become text: a native exception event.

    Args:
        exception_type: ``exception.type`` of the event.
        stacktrace: ``exception.stacktrace`` of the event, as Python or JavaScript writes it. Of
            a long one the end is read, where Python has the innermost frames.

    Returns:
        As of :func:`summarize_exception`; without frames if none were recognised.
    """
    error_type = _claimed_class(str.__str__(exception_type)[: MAX_NAME_LENGTH + 1])
    blocks = _CHAINED.split(str.__str__(stacktrace)[-_MAX_STACKTRACE_LENGTH:])[-_MAX_LINKS:]
    parsed = [_parse(block) for block in reversed(blocks)]
    links = [_link(error_type, parsed[0][1], parsed[0][2])]
    links += [_link(name, count, frames) for name, count, frames in parsed[1:]]
    return ErrorSummary(error_type, " <- ".join(links), parsed[0][2])


def _frames(error: BaseException) -> tuple[str, ...]:
    innermost: deque[TracebackType] = deque(maxlen=_MAX_FRAMES)
    traceback, left = error.__traceback__, _MAX_FRAMES_READ
    while traceback is not None and left:
        innermost.append(traceback)
        traceback, left = traceback.tb_next, left - 1
    codes = [(one.tb_frame.f_code, one.tb_lineno or 0) for one in innermost]
    return tuple(_place(code.co_filename, code.co_name, line) for code, line in codes)


def _parse(block: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Read type, member count (of a group) and frames out of one link of a printed chain."""
    members = _MEMBERS.search(block)
    if members is not None:
        block = _MARGIN.sub("", block[: members.start()])
    lines = block.rpartition(_HEADER)[2].split("\n")
    frames: list[str] = []
    for line in lines:
        if frame := _FRAME.fullmatch(line):
            frames.append(_place(frame[1], frame[3], int(frame[2])))
        elif line[:1].strip() and frames:
            count = _MEMBER_COUNT.search(line) if members is not None else None
            name = _claimed_class(line[: MAX_NAME_LENGTH + 1].partition(":")[0])
            return name, int(count[1]) if count else None, tuple(frames[-_MAX_FRAMES:])
    if not frames:
        matches = map(_JAVASCRIPT_FRAME.fullmatch, lines)
        frames = [_place(m[2], m[1] or "<anonymous>", int(m[3])) for m in matches if m]
        # JavaScript prints the innermost first.
        frames = frames[:_MAX_FRAMES][::-1]
    return "Exception", None, tuple(frames[-_MAX_FRAMES:])


def _link(error_type: str, count: int | None, frames: tuple[str, ...]) -> str:
    members = "" if count is None else f"[{count}]"
    return f"{error_type}{members} at {frames[-1]}" if frames else f"{error_type}{members}"


def _place(filename: str, function: str, line: int) -> str:
    # The end of a path is its file name; a directory may be a person's.
    stem = _SOURCE_SUFFIX.sub("", re.split(r"[\\/]", filename[-2 * MAX_NAME_LENGTH :])[-1])
    return f"{_place_part(stem)}:{_place_part(function[: MAX_NAME_LENGTH + 1])}:{line}"


@lru_cache(_REMEMBERED)
def _place_part(text: str) -> str:
    is_clean = 0 < len(text) <= MAX_NAME_LENGTH and not _NOT_PLACE.search(text)
    return text[:64] if is_clean and scrub(text) == text else "_"


def _class_name(kind: type[BaseException]) -> str:
    module, name = kind.__module__, kind.__qualname__
    name = f"{module}.{name}" if isinstance(module, str) else name
    return _class_identifier(name[: MAX_NAME_LENGTH + 1])


@lru_cache(_REMEMBERED)
def _class_identifier(text: str) -> str:
    text = type_name(text)
    is_clean = len(text) <= MAX_NAME_LENGTH and _DOTTED.fullmatch(text) and scrub(text) == text
    return text if is_clean else "Exception"


def _claimed_class(text: str) -> str:
    """A class that text claims; another word may be one of the message."""
    text = type_name(text)
    return _class_identifier(text) if is_class_name(text) else "Exception"


def is_class_name(text: str) -> bool:
    """Whether ``text`` is written as the dotted name of a class, or is one of the error words."""
    last = text.rpartition(".")[2]
    is_named_so = not last.lstrip("_")[:1].islower() or last in ERROR_WORDS
    return is_named_so and _DOTTED.fullmatch(text) is not None


def type_name(text: str) -> str:
    """A class's name without what Python adds to it."""
    return text.removeprefix("builtins.").replace(".<locals>", "")


def is_location(value: str) -> bool:
    """Whether ``value`` is the ``message`` of an :class:`ErrorSummary`, or looks like one."""
    is_short = len(value) <= _MAX_LOCATION_LENGTH
    if not is_short or not _LOCATION.fullmatch(value):
        return False
    types = (re.split(r"[ \[]", link, maxsplit=1)[0] for link in value.split(" <- "))
    return all(map(is_class_name, types)) and is_clean_pairs(value)
