"""From the text of an environment variable to a value; ``ValueError`` if it makes no sense."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cortex_otel.semconv import EVENT_TYPES
from cortex_otel.settings.headers import read_headers
from cortex_otel.settings.refusal import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "attribute_keys",
    "backup_keep",
    "backup_target",
    "baggage",
    "boolean",
    "choice",
    "command",
    "default_backup_keep",
    "default_home",
    "directory",
    "endpoint",
    "file",
    "headers_file",
    "host",
    "integer",
    "key",
    "names",
    "number",
    "public_keys",
    "quiet_hours",
    "sampling",
    "service_name",
    "service_names",
    "services",
    "some_of",
    "time_zone",
    "token",
    "webhook",
    "webhook_key",
]

_MAX_SERVICE_LENGTH = 64
# `int` and `float` would take digits of any script, `1_000` and more.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9.eE+-]{1,32}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_URL = re.compile(r"[!-~]{1,2000}")
_QUIET_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_MIN_KEY_BYTES = 24  # as Standard Webhooks asks
_ATTRIBUTE_KEY = re.compile(r"[^\s*,]*[^\s*,.](?:\.\*)?")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9._=-]{1,100}){0,10}")
_PUBLIC_KEY = re.compile(r"age1[02-9ac-hj-np-z]{58}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]{40,2000}")


def boolean(text: str) -> bool:
    """``true``, ``false`` and what else is usual."""
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off" | "":
            return False
        case _:
            raise ValueError


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number of that range."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text.strip()):
            raise ValueError
        value = int(text)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    return parse


def service_name(text: str) -> str:
    """The name of a Cortex service."""
    text = text.strip()
    if (
        not text.replace("-", "").replace("_", "").isalnum()
        or not text.isascii()
        or len(text) > _MAX_SERVICE_LENGTH
    ):
        raise ValueError
    return text


def choice(*allowed: str) -> Callable[[str], str]:
    """One of these words, in lower case."""

    def parse(text: str) -> str:
        text = text.strip().lower()
        if text not in allowed:
            raise ValueError
        return text

    return parse


def directory(text: str) -> Path:
    """A directory, which need not be there."""
    if not text.strip() or "\0" in text:
        raise ValueError
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:  # `~name` of nobody
        raise ValueError from None
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where it may not look
        raise ValueError
    return path


def default_home() -> Path:
    """Where the store is, if nobody says."""
    try:
        return Path("~/.cortex/telemetry").expanduser()
    except RuntimeError:
        # A container's user without a home: nothing can be made there, which is counted and said.
        return Path(os.devnull) / "cortex"


def endpoint(text: str) -> str:
    """An address to send to, without anything secret in it."""
    text = text.strip()
    parts = urlsplit(text)
    is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    # A user or a query may be a secret, and would be in logs of others.
    if not is_address or parts.username is not None or parts.query or parts.fragment:
        raise ValueError
    if not _URL.fullmatch(text) or parts.port == 0:  # asked for, a senseless port raises
        raise ValueError
    return text.rstrip("/")


def headers_file(text: str) -> Path:
    """A file of headers that can be used."""
    path = file(text)
    read_headers(path)
    return path


def key(text: str) -> str:
    """Text that is not blank."""
    if not text.strip():
        raise ValueError
    return text


def token(text: str) -> str:
    """What a browser or sender must show."""
    if not _TOKEN.fullmatch(text.strip()):
        raise ValueError
    return text.strip()


def names(text: str) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def attribute_keys(text: str) -> tuple[str, ...]:
    """A list of attribute keys; ``key.*`` for all below."""
    keys = names(text)
    if not all(map(_ATTRIBUTE_KEY.fullmatch, keys)):
        raise ValueError
    return keys


def sampling(text: str) -> Mapping[str, float]:
    """Rates by event type."""
    rates: dict[str, float] = {}
    for part in names(text):
        event_type, _, rate = (side.strip() for side in part.partition("="))
        if not _NUMBER.fullmatch(rate):
            raise ValueError
        value = float(rate)
        known = event_type == "*" or event_type in EVENT_TYPES or event_type == "span"
        if not known or event_type in rates or not math.isfinite(value) or not 0 < value <= 1:
            raise ValueError
        rates[event_type] = value
    return rates


def baggage(text: str) -> Mapping[str, str]:
    """Baggage keys by what they tell."""
    keys: dict[str, str] = {}
    for part in names(text):
        what, _, key = (side.strip() for side in part.partition("="))
        if what not in ("user", "tier", "session") or what in keys or not key:
            raise ValueError
        keys[what] = key
    return keys


def services(text: str) -> Mapping[str, str]:
    """Cortex services by ``service.name``."""
    services: dict[str, str] = {}
    for part in names(text):
        name, _, service = (side.strip() for side in part.rpartition("="))
        if not name or name in services:
            raise ValueError
        services[name] = service_name(service)
    return services


def host(text: str) -> str:
    """A host name or address."""
    text = text.strip()
    if not _HOST.fullmatch(text):
        raise ValueError
    return text


def time_zone(text: str) -> str:
    """A name of the IANA time zone database."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few set it

    text = text.strip()
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError):  # OSError: a directory of zones
        raise ValueError from None
    return text


def number(above: float, most: float) -> Callable[[str], float]:
    """A number of that range, without its lower end."""

    def parse(text: str) -> float:
        if not _NUMBER.fullmatch(text.strip()):
            raise ValueError
        value = float(text)
        if not above < value <= most:
            raise ValueError
        return value

    return parse


def some_of(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """A list of these words."""

    def parse(text: str) -> tuple[str, ...]:
        found = names(text.lower())
        if not set(found) <= set(allowed):
            raise ValueError
        return tuple(each for each in allowed if each in found)

    return parse


def service_names(text: str) -> tuple[str, ...]:
    """A list of Cortex services."""
    return tuple(map(service_name, names(text)))


def quiet_hours(text: str) -> str:
    """From when to when, as ``22:00-08:00``; over midnight if the end is before the start."""
    text = text.replace(" ", "")
    start, _, end = text.partition("-")
    if text and (not _QUIET_HOURS.fullmatch(text) or start == end):
        raise ValueError
    return text


def webhook(text: str) -> str:
    """An address that takes messages, encrypted unless it is of this machine; it is a secret."""
    from cortex_otel.settings.loopback import is_loopback  # noqa: PLC0415 - few set it

    text = text.strip()
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback((parts.hostname or "").lower())
    )
    if not is_safe or not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError
    if not _URL.fullmatch(text) or parts.port == 0:
        raise ValueError
    return text


def webhook_key(text: str) -> str:
    """A key as Standard Webhooks writes it, or any text of its length."""
    import base64  # noqa: PLC0415 - few set it

    text = text.strip()
    if text.startswith("whsec_"):
        # binascii.Error is a ValueError.
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    else:
        key = text.encode()
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError
    return text


def command(text: str) -> tuple[str, ...]:
    """A program and its arguments, with quotes as in a shell; no shell reads it."""
    import shlex  # noqa: PLC0415 - few set it

    parts = tuple(shlex.split(text))
    if not parts or not parts[0] or "\0" in text:
        raise ValueError
    return parts


def file(text: str) -> Path:
    """A file, which need not be there."""
    if not text.strip() or "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # `~name` of nobody
        raise ValueError from None


def backup_target(text: str) -> str:
    """A directory or a bucket, without a slash at its end."""
    text = text.strip().rstrip("/") or "/"
    if text.startswith("s3://"):
        if not _BUCKET.fullmatch(text) or {".", ".."} & set(text.split("/")):
            raise RefusedValueError("it has no valid name of a bucket, or a prefix with . or ..")
        return text
    if "://" in text:  # `gs://…` is no directory
        raise RefusedValueError("it is a URL of another kind")
    # Jobs don't run where the setting was written.
    if not (text.startswith("~") or Path(text).is_absolute()):
        raise RefusedValueError("it is a relative path")
    return str(directory(text))


def public_keys(text: str) -> tuple[str, ...]:
    """Public keys of age or SSH, without the comments of the latter: those name people."""
    keys = tuple(" ".join(part.split()[:2]) for part in names(text))
    if not all(map(_PUBLIC_KEY.fullmatch, keys)):
        raise ValueError
    return keys


def backup_keep(text: str) -> Mapping[str, int]:
    """How many copies by period."""
    keep: dict[str, int] = {}
    for part in names(text):
        period, _, number = (side.strip() for side in part.partition("="))
        if period not in ("daily", "weekly", "monthly") or period in keep:
            raise ValueError
        keep[period] = integer(0, 1000)(number)
    return keep


def default_backup_keep() -> Mapping[str, int]:
    """A week of days, a month of weeks, a year of months."""
    return {"daily": 7, "weekly": 4, "monthly": 12}
