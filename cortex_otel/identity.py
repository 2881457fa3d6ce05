"""The identity that records carry: user hash, tier, project, branch and session.

Each field comes from the first of these sources that provides it:

1. the provider that the host registered (:func:`set_identity_provider`),
2. Cortex's licence manager, if it is importable (tier only),
3. the environment (``CORTEX_OTEL_USER_ID``, ``CORTEX_OTEL_USER_TIER``).

A user id is hashed here, before it enters any span, baggage or log: 64 hex digits of SHA-256, or
of HMAC-SHA-256 where ``CORTEX_OTEL_USER_HASH_KEY`` is set or ``user-hash.key`` is in the home. Free
text is hashed with a key of this installation that never leaves it, so that equal texts can be
counted and none can be guessed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import importlib
import importlib.machinery
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_otel import guard
from cortex_otel.semconv import TIERS
from cortex_otel_exporters import native
from cortex_otel_exporters.disk import make_private_directory, write_new

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.settings import Settings

__all__ = [
    "USER_HASH_KEY_FILE",
    "Identity",
    "IdentityResolver",
    "current",
    "session_id",
    "set_identity_provider",
    "text_hash",
    "user_hash",
]

#: In the home: the key of user hashes where the settings have none. ``cortex-otel rotate-key``.
USER_HASH_KEY_FILE = "user-hash.key"

FREE = "free"
_TIER_BY_LICENCE = {1: "free", 2: "paid", 3: "enterprise"}
_LICENCE_MODULE = "core.license_manager"
_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Identity(NamedTuple):
    """What a provider may return; every field may be left out.

    A provider may also return a mapping with these keys.
    """

    user_id: str | None = None
    """In the clear; hashed at once and never kept."""
    tier: str | None = None
    """``free``, ``trial``, ``paid`` or ``enterprise``."""
    project_id: str | None = None
    branch_id: str | None = None
    user_hash: str | None = None
    """64 hex digits, where the host hashes by itself."""


class Resolved(NamedTuple):
    """An identity as records carry it: hashed, valid, absent text as ``""``."""

    user_hash: str
    tier: str
    project_id: str
    branch_id: str


class IdentityResolver:
    """The current identity, from the sources, which are asked at most once in ``ttl_ms``."""

    def __init__(self, settings: Settings | None = None, *, text_key: bytes | None = None) -> None:
        self._ttl = (settings.identity_ttl_ms if settings else 1000) / 1000
        self._user_id = settings.user_id if settings else None
        self._tier = settings.tier if settings else None
        self._hash_key = _user_hash_key(settings) if settings else b""
        self._home = settings.home if settings else None
        self._text_key = text_key
        self._licence: Callable[[], Any] | None = None
        self._licence_sys_path: tuple[str, ...] | None = None
        self._cached = Resolved("", FREE, "", "")
        self._expires = -1.0
        #: Held while the sources are asked. Not re-entrant: the provider may itself be an
        #: instrumented tool, and must not ask again.
        self.resolving = native.Lock()
        self.provider: Callable[[], Any] | None = None

    def current(self) -> Resolved:
        """The identity that records made now carry; never raises.

        While one thread asks a slow provider, the others get the previous answer.
        """
        if time.monotonic() < self._expires or not self.resolving.acquire(blocking=False):
            return self._cached
        try:
            self._cached = self._resolve()
        except Exception as error:  # noqa: BLE001 - the host's objects, in the host's tool call
            guard.swallowed("identity", error)
        finally:
            self._expires = time.monotonic() + self._ttl
            self.resolving.release()
        return self._cached

    def refresh(self) -> None:
        """Ask the sources again at the next record."""
        self._expires = -1.0

    def prepare(self, *, create_key: bool = True) -> None:
        """Read the key of this installation: file access that no event loop should wait for.

        Args:
            create_key: create the key, and its directory, if there is none yet.
        """
        if self._text_key is not None:
            return
        if create_key:
            self._text_key = _installation_key(self._home)
        elif self._home is not None:
            with contextlib.suppress(OSError):
                self._text_key = _read_key(self._home / _KEY_FILE)

    def hash_user(self, user_id: str) -> str:
        """64 hex digits that identify ``user_id`` without revealing it."""
        data = _utf8(user_id)
        if self._hash_key:
            return hmac.new(self._hash_key, data, hashlib.sha256).hexdigest()
        return hashlib.sha256(data).hexdigest()

    def hash_text(self, text: str) -> str:
        """16 hex digits of free text, keyed by this installation; never decimal ones alone."""
        data, key = _utf8(text), self.text_key()
        digest = hashlib.blake2b(data, key=key, digest_size=8).hexdigest()
        while digest.isdecimal():  # of two thousand one, which could be the number of a card
            data += b"\0"
            digest = hashlib.blake2b(data, key=key, digest_size=8).hexdigest()
        return digest

    def text_key(self) -> bytes:
        """The key of this installation, for hashes that never leave it."""
        self.prepare()
        return self._text_key or b""

    def _resolve(self) -> Resolved:
        given = self._from_provider()
        user_hash = given.user_hash.lower() if isinstance(given.user_hash, str) else ""
        if not _DIGEST.fullmatch(user_hash):
            user_id = self._text("user_id", given.user_id) or self._user_id
            user_hash = self.hash_user(user_id) if user_id else ""
        tier: str | None = self._text("tier", given.tier)
        if tier and tier not in TIERS:
            self._warn_invalid("tier")
            tier = None
        tier = tier or self._from_licence() or self._tier or FREE
        project = self._identifier(self._text("project_id", given.project_id))
        branch = self._identifier(self._text("branch_id", given.branch_id))
        return Resolved(user_hash, tier, project, branch)

    def _text(self, field: str, value: object) -> str:
        """What a provider gave for ``field``, as text; ``""`` if nothing or no text."""
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return int.__repr__(value)
        if value is not None:
            self._warn_invalid(field)
        return ""

    @staticmethod
    def _warn_invalid(field: str) -> None:
        guard.warn_once(
            f"identity.{field}",
            "identity provider: its %s is not valid; using the next source",
            field,
        )

    def _identifier(self, text: str) -> str:
        """A project or branch id if it looks like one, else its hash: it may be a path."""
        return text if not text or _ID.fullmatch(text) else self.hash_text(text)

    def _from_provider(self) -> Identity:
        if self.provider is None:
            return Identity()
        try:
            given = self.provider()
            if given is None:
                return Identity()
            if isinstance(given, Identity):
                return given
            if not isinstance(given, Mapping):
                self._warn_invalid("answer")
                return Identity()
            return Identity(**{key: given[key] for key in Identity._fields if key in given})
        except Exception as error:  # noqa: BLE001 - the host's code, in the host's tool call
            guard.swallowed("identity.provider", error)
            return Identity()

    def _from_licence(self) -> str | None:
        # Under zero-code start, the script's directory is added to sys.path later.
        if self._licence is None and self._licence_sys_path != tuple(sys.path):
            self._licence_sys_path = tuple(sys.path)
            self._licence = _licence_manager()
        if self._licence is None:
            return None
        try:
            info = self._licence().get_license_info()
            read: Callable[[str], Any] = (
                info.get if isinstance(info, Mapping) else functools.partial(_get_attribute, info)
            )
            is_valid, tier = read("is_valid"), read("tier")
            if not (isinstance(is_valid, (bool, int)) and is_valid):  # `"false"` is truthy
                return FREE
            return _TIER_BY_LICENCE.get(int(getattr(tier, "value", tier) or 0), FREE)
        except Exception as error:  # noqa: BLE001 - the host's code, in the host's tool call
            guard.swallowed("identity.licence", error)
            return FREE


_KEY_FILE = "text-hash.key"
_resolver = IdentityResolver()
_session_id = secrets.token_hex(16)


def use(settings: Settings) -> IdentityResolver:
    """Make the process-wide resolver from ``settings``, keeping a registered provider."""
    global _resolver  # noqa: PLW0603 - one process, one user at a time
    last = _resolver
    _resolver = IdentityResolver(settings)
    _resolver.provider = last.provider
    if last._home == settings.home:  # noqa: SLF001 - its own class
        # Where the key can't be stored, hashes of one process must still compare.
        _resolver._text_key = last._text_key  # noqa: SLF001 - the same
    return _resolver


def exchange(resolver: IdentityResolver) -> IdentityResolver:
    """Make ``resolver`` the process-wide one; returns the previous one, to be restored."""
    global _resolver
    last, _resolver = _resolver, resolver
    return last


def set_identity_provider(provider: Callable[[], Any] | None) -> None:
    """Register the source of user and tier.

    Args:
        provider: called at most once a second, on the thread of a tool call; returns an
            :class:`Identity`, a mapping with its field names, or ``None``. If it raises, the next
            source is used and the fault is counted.
    """
    _resolver.provider = provider
    _resolver.refresh()


def current() -> Resolved:
    """The identity that records made now carry."""
    return _resolver.current()


def user_hash(user_id: str) -> str:
    """64 hex digits that identify ``user_id``; see :meth:`IdentityResolver.hash_user`."""
    return _resolver.hash_user(user_id)


def text_hash(text: str) -> str:
    """16 hex digits of free text, keyed by this installation."""
    return _resolver.hash_text(text)


def session_id() -> str:
    """Session of this process: 32 hex digits, new in a forked child."""
    return _session_id


def _after_fork_in_child() -> None:
    global _session_id  # noqa: PLW0603
    _session_id = secrets.token_hex(16)
    # Another thread of the parent may have held it.
    _resolver.resolving = native.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _get_attribute(info: object, key: str) -> Any:
    return getattr(info, key, None)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _user_hash_key(settings: Settings) -> bytes:
    """The key of user hashes; empty for none: that of the settings, or else of the file."""
    if settings.user_hash_key:
        return _utf8(settings.user_hash_key)
    try:
        key = (settings.home / USER_HASH_KEY_FILE).read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        # Without it, hashes that were meant to be keyed would be plain ones. These compare with
        # nothing.
        guard.swallowed("identity", error)
        return secrets.token_bytes(32)
    if key:
        return key
    guard.warn_once(
        "identity.hash_key",
        "%s is empty: user ids are hashed with a key of this process alone, and every start makes "
        "users new ones; put the key back, or run cortex-otel rotate-key",
        settings.home / USER_HASH_KEY_FILE,
    )
    return secrets.token_bytes(32)


def _installation_key(home: Path | None) -> bytes:
    """The key of this installation, created with mode 0600 with the first record.

    If the directory isn't writable, the key lives as long as the process: hashes then don't
    compare between processes, and nothing else is lost.
    """
    if home is None:
        return secrets.token_bytes(32)
    path = home / _KEY_FILE
    try:
        return _read_key(path)
    except OSError:
        pass
    key = secrets.token_bytes(32)
    try:
        make_private_directory(home)
        try:
            write_new(path, key)
        except FileExistsError:  # another process that starts at the same moment was first
            key = _read_key(path)
    except OSError:
        pass
    return key


def _read_key(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != 32:  # noqa: PLR2004 - the length this module writes
        raise OSError(f"{path} is not a key that cortex-otel wrote")
    return key


def _licence_manager() -> Callable[[], Any] | None:
    """Cortex's ``get_license_manager``, without importing anything but that module.

    ``find_spec("core.license_manager")`` would import any package that happens to be called
    ``core``: look for the file first.
    """
    try:
        if _LICENCE_MODULE not in sys.modules:
            package = importlib.machinery.PathFinder.find_spec("core")
            folders = list(package.submodule_search_locations or ()) if package else []
            if not any((Path(folder) / "license_manager.py").is_file() for folder in folders):
                return None
        manager = importlib.import_module(_LICENCE_MODULE).get_license_manager
    except Exception as error:  # noqa: BLE001 - the host's module
        guard.swallowed("identity.licence_import", error)
        return None
    return manager if callable(manager) else None
