"""Every setting, once: name, environment variable, unit, default and meaning.

:class:`Settings` is frozen and made once, at start-up. ``docs/reference/settings.md`` is generated
from it. In code (:func:`cortex_otel.configure`) and in the command line a setting that makes no
sense raises :class:`SettingError`; under zero-code start it warns once and the default is used.
Longer than other files by the settings themselves.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cortex_otel.sdk.host_config import enabled_by_host
from cortex_otel.semconv import EVENT_TYPES, TIERS

__all__ = ["SettingError", "Settings", "enabled_by_host", "read_environment", "read_headers"]


class SettingError(ValueError):
    """A setting that makes no sense: one line with its name, its value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={_shown(value)} is not valid: {allowed}")
        self.name = name


_LISTS = frozenset({"sampling", "allow_attributes", "soft_errors", "baggage", "receiver_services"})
_MAX_SERVICE_LENGTH = 64
_MAX_SHOWN_LENGTH = 200
# `int` and `float` would take digits of any script, `1_000` and more.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9.eE+-]{1,32}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_URL = re.compile(r"[!-~]{1,2000}")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,256})\s*[:=]\s*([!-~](?:[ -~]*[!-~])?)")
_HEADERS_OF_THE_PROTOCOL = frozenset(
    {
        "host", "connection", "content-length", "content-type", "content-encoding", "expect",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_MAX_HEADERS_LENGTH = 65_536
_ATTRIBUTE_KEY = re.compile(r"[^\s*,]*[^\s*,.](?:\.\*)?")


class _Hidden:
    """Stands for a value that must not be printed: it may be a secret."""

    def __repr__(self) -> str:
        return "[hidden]"


_HIDDEN = _Hidden()


def _shown(value: object) -> str:
    """``value`` on one line, short; of what is no plain value the type, so no host code runs."""
    if type(value) not in (str, bytes, bool, int, float, _Hidden):
        return f"<{type(value).__name__}>"
    text = repr(value[:_MAX_SHOWN_LENGTH] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}…"


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off" | "":
            return False
        case _:
            raise ValueError


def _integer(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text.strip()):
            raise ValueError
        value = int(text)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    return parse


def _service(text: str) -> str:
    text = text.strip()
    if (
        not text.replace("-", "").replace("_", "").isalnum()
        or not text.isascii()
        or len(text) > _MAX_SERVICE_LENGTH
    ):
        raise ValueError
    return text


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        text = text.strip().lower()
        if text not in allowed:
            raise ValueError
        return text

    return parse


def _directory(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise ValueError
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:  # `~name` of nobody
        raise ValueError from None
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where it may not look
        raise ValueError
    return path


def _default_home() -> Path:
    try:
        return Path("~/.cortex/telemetry").expanduser()
    except RuntimeError:
        # A container's user without a home: nothing can be made there, which is counted and said.
        return Path(os.devnull) / "cortex"


def _endpoint(text: str) -> str:
    text = text.strip()
    parts = urlsplit(text)
    is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    # A user or a query may be a secret, and would be in logs of others.
    if not is_address or parts.username is not None or parts.query or parts.fragment:
        raise ValueError
    if not _URL.fullmatch(text) or parts.port == 0:  # asked for, a senseless port raises
        raise ValueError
    return text.rstrip("/")


def _headers_file(text: str) -> Path:
    path = _file(text)
    read_headers(path)
    return path


def _file(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # `~name` of nobody
        raise ValueError from None


def read_headers(path: Path) -> dict[str, str]:
    """The headers in a file of ours.

    Raises:
        ValueError: it can't be read, others can read it too, or a line is no header.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
                raise ValueError
            data = file.read(_MAX_HEADERS_LENGTH + 1)
    except OSError:
        raise ValueError from None
    headers: dict[str, str] = {}
    for line in data.decode("ascii").splitlines():  # UnicodeDecodeError is a ValueError
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _HEADER.fullmatch(line.strip())
        name = match[1].lower() if match else ""
        if match is None or name in headers or name in _HEADERS_OF_THE_PROTOCOL:
            raise ValueError
        headers[name] = match[2]
    if len(data) > _MAX_HEADERS_LENGTH:
        raise ValueError
    return headers


def _key(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text.strip()):
        raise ValueError
    return text.strip()


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _attribute_keys(text: str) -> tuple[str, ...]:
    keys = _names(text)
    if not all(map(_ATTRIBUTE_KEY.fullmatch, keys)):
        raise ValueError
    return keys


def _sampling(text: str) -> Mapping[str, float]:
    rates: dict[str, float] = {}
    for part in _names(text):
        event_type, _, rate = (side.strip() for side in part.partition("="))
        if not _NUMBER.fullmatch(rate):
            raise ValueError
        value = float(rate)
        known = event_type == "*" or event_type in EVENT_TYPES or event_type == "span"
        if not known or event_type in rates or not math.isfinite(value) or not 0 < value <= 1:
            raise ValueError
        rates[event_type] = value
    return rates


def _baggage(text: str) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    for part in _names(text):
        what, _, key = (side.strip() for side in part.partition("="))
        if what not in ("user", "tier", "session") or what in keys or not key:
            raise ValueError
        keys[what] = key
    return keys


def _services(text: str) -> Mapping[str, str]:
    services: dict[str, str] = {}
    for part in _names(text):
        name, _, service = (side.strip() for side in part.rpartition("="))
        if not name or name in services:
            raise ValueError
        services[name] = _service(service)
    return services


def _host(text: str) -> str:
    text = text.strip()
    if not _HOST.fullmatch(text):
        raise ValueError
    return text


def _time_zone(text: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few set it

    text = text.strip()
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError):  # OSError: a directory of zones
        raise ValueError from None
    return text


def _setting(
    environment: str,
    *,
    default: Any,
    parse: Callable[[str], Any],
    allowed: str,
    unit: str = "",
    secret: bool = False,
) -> Any:
    metadata = {
        "environment": environment, "parse": parse, "allowed": allowed, "unit": unit,
        "secret": secret,
    }  # fmt: skip
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user may decide. The docstring of each field is its meaning, and its reference."""

    enabled: bool = _setting(
        "CORTEX_OTEL_ENABLED",
        default=True,
        parse=_boolean,
        allowed="true or false",
    )
    """Record at all. Off means no file, no thread, and decorated tools are left as they were.
    `OTEL_SDK_DISABLED=true` does the same, and so does `TELEMETRY_ENABLED = False` in the host's
    `config.py`."""

    home: Path = _setting(
        "CORTEX_OTEL_HOME",
        default=_default_home,
        parse=_directory,
        allowed="a directory",
    )
    """Directory of the database (`cortex.db`) and what belongs to it; made with mode 0700."""

    service: str = _setting(
        "CORTEX_OTEL_SERVICE",
        default="mcp",
        parse=_service,
        allowed="letters, digits, - and _, at most 64",
    )
    """Which Cortex service this process is: `mcp`, `extension`, `web`, or a new one."""

    tier: str | None = _setting(
        "CORTEX_OTEL_USER_TIER",
        default=None,
        parse=_choice(*TIERS),
        allowed="one of " + ", ".join(TIERS),
    )
    """User tier, where neither an identity provider nor Cortex's licence manager says it."""

    user_id: str | None = _setting(
        "CORTEX_OTEL_USER_ID",
        default=None,
        parse=str,
        allowed="any text",
        secret=True,
    )
    """User id, where no identity provider says it. Hashed before it enters any span or log."""

    user_hash_key: str | None = _setting(
        "CORTEX_OTEL_USER_HASH_KEY",
        default=None,
        parse=_key,
        allowed="any text but blanks",
        secret=True,
    )
    """Key of the HMAC-SHA-256 over user ids; without one they are hashed with plain SHA-256."""

    sampling: Mapping[str, float] = _setting(
        "CORTEX_OTEL_SAMPLING",
        default=dict,
        parse=_sampling,
        allowed="event_type=rate, comma-separated, with known event types (or span, or *) "
        "and 0 < rate <= 1",
    )
    """Share of traces kept by event type, e.g. `mcp.search_context=0.1,span=0.05`. Traces with an
    error are always kept; each kept record carries its weight, so counts stay unbiased."""

    allow_attributes: tuple[str, ...] = _setting(
        "CORTEX_OTEL_ALLOW_ATTRIBUTES",
        default=(),
        parse=_attribute_keys,
        allowed="attribute keys, comma-separated; key.* for all below",
    )
    """Further attribute keys to keep. Their text is still searched for personal data."""

    capture_content: bool = _setting(
        "CORTEX_OTEL_CAPTURE_CONTENT",
        default=False,
        parse=_boolean,
        allowed="true or false",
    )
    """Development only: keep tool arguments, results and exception messages as they are."""

    allow_other_exporters: bool = _setting(
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS",
        default=False,
        parse=_boolean,
        allowed="true or false",
    )
    """Let `OTEL_*_EXPORTER` add exporters beside SQLite (OTLP sends data off this machine). They
    get redacted copies of what the store keeps."""

    other_exporters_get_raw_personal_data: bool = _setting(
        "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA",
        default=False,
        parse=_boolean,
        allowed="true or false",
    )
    """Development only: exporters that `OTEL_*_EXPORTER` names, and processors and readers given to
    `configure()`, get everything as it is, personal data included. Said on stderr at each start."""

    otlp_endpoint: str | None = _setting(
        "CORTEX_OTEL_OTLP_ENDPOINT",
        default=None,
        parse=_endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
        secret=True,
    )
    """Send redacted copies of what the store keeps to this OpenTelemetry Collector over OTLP/HTTP,
    e.g. `https://collector.example:4318`; `/v1/traces` and so on are added. Naming one is the
    consent to it. Needs the extra `otlp` (`pip install './cortex-otel[otlp]'`); no variable
    `OTEL_EXPORTER_OTLP_*` is followed. `CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA`
    doesn't reach it."""

    otlp_headers_file: Path | None = _setting(
        "CORTEX_OTEL_OTLP_HEADERS_FILE",
        default=None,
        parse=_headers_file,
        allowed="a file that you alone can read (chmod 600), with a line `name: value` or "
        "`name=value` for each header",
    )
    """Headers for that Collector, such as `authorization: Bearer …`: in a file, since environment
    variables and command lines can be seen by others. Lines that begin with `#` are comments.
    Where the file can't be used, nothing is sent."""

    span: str = _setting(
        "CORTEX_OTEL_SPAN",
        default="lean",
        parse=_choice("lean", "sdk"),
        allowed="lean or sdk",
    )
    """Span implementation: `lean` behaves as OpenTelemetry's own and costs a third of it; `sdk` is
    OpenTelemetry's own. Under an SDK version that `lean` wasn't tested with it is `sdk` anyway, and
    where the host made its own tracer provider, spans are the host's: `cortex-otel status` tells
    which."""

    client_errors: bool = _setting(
        "CORTEX_OTEL_CLIENT_ERRORS",
        default=True,
        parse=_boolean,
        allowed="true or false",
    )
    """Count JSON-RPC errors that say the request was wrong (-32700, -32600 to -32602) as errors.
    The conventions leave it open; `false` counts only what the server did wrong."""

    trace_context_to_clients: bool = _setting(
        "CORTEX_OTEL_TRACE_CONTEXT_TO_CLIENTS",
        default=True,
        parse=_boolean,
        allowed="true or false",
    )
    """Let the MCP library put `traceparent` (with `tracestate` and `baggage`, where there are any)
    into the `_meta` of what a server asks its client (sampling, elicitation, roots): mcp 2 does, as
    the protocol has it, as soon as spans are recorded. `false` keeps all three out."""

    soft_errors: tuple[str, ...] = _setting(
        "CORTEX_OTEL_SOFT_ERRORS",
        default=(),
        parse=_names,
        allowed="beginnings of texts, comma-separated",
    )
    """Results whose text begins so count as errors though their `isError` is false, as several
    servers tell them, e.g. `Error:,Database error`. Case doesn't matter; no text is kept."""

    baggage: Mapping[str, str] = _setting(
        "CORTEX_OTEL_BAGGAGE",
        default=dict,
        parse=_baggage,
        allowed="user=KEY, tier=KEY, session=KEY, comma-separated",
    )
    """Baggage keys of an MCP client that are believed, e.g. `user=user.id,tier=cortex.tier`. None
    by default: whoever can send a request can send baggage. User ids are hashed at once."""

    queue_size: int = _setting(
        "CORTEX_OTEL_QUEUE_SIZE",
        default=65536,
        parse=_integer(64, 1_000_000),
        allowed="64 to 1000000",
        unit="records",
    )
    """Records held in memory while the database is busy; beyond it they are dropped and counted."""

    flush_interval_ms: int = _setting(
        "CORTEX_OTEL_FLUSH_INTERVAL_MS",
        default=250,
        parse=_integer(1, 60_000),
        allowed="1 to 60000",
        unit="ms",
    )
    """Longest time a record waits in memory: the most that a kill -9 can lose."""

    exit_timeout_ms: int = _setting(
        "CORTEX_OTEL_EXIT_TIMEOUT_MS",
        default=1000,
        parse=_integer(0, 60_000),
        allowed="0 to 60000",
        unit="ms",
    )
    """Longest delay of an exit for storing what is queued."""

    metrics_interval_ms: int = _setting(
        "CORTEX_OTEL_METRICS_INTERVAL_MS",
        default=60_000,
        parse=_integer(100, 86_400_000),
        allowed="100 to 86400000",
        unit="ms",
    )
    """Time between two collections of the OpenTelemetry instruments."""

    identity_ttl_ms: int = _setting(
        "CORTEX_OTEL_IDENTITY_TTL_MS",
        default=1000,
        parse=_integer(0, 3_600_000),
        allowed="0 to 3600000",
        unit="ms",
    )
    """How long an answer of the identity provider or licence manager is used."""

    admin_host: str = _setting(
        "CORTEX_OTEL_ADMIN_HOST",
        default="127.0.0.1",
        parse=_host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` shows the web admin. Anything but this machine's own loopback needs
    `CORTEX_OTEL_ADMIN_TOKEN` too."""

    admin_port: int = _setting(
        "CORTEX_OTEL_ADMIN_PORT",
        default=8080,
        parse=_integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the web admin."""

    admin_token: str | None = _setting(
        "CORTEX_OTEL_ADMIN_TOKEN",
        default=None,
        parse=_token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a browser must show to read the web admin. Without one `cortex-otel serve` makes one for
    this installation and keeps it in `admin.token` (0600)."""

    time_zone: str | None = _setting(
        "CORTEX_OTEL_TIME_ZONE",
        default=None,
        parse=_time_zone,
        allowed="a name of the IANA time zone database, e.g. Asia/Seoul",
    )
    """Time zone of days and hours in the web admin; by default this machine's own."""

    receiver_host: str = _setting(
        "CORTEX_OTEL_RECEIVER_HOST",
        default="127.0.0.1",
        parse=_host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` takes OTLP/HTTP. Anything but this machine's own loopback needs
    `CORTEX_OTEL_RECEIVER_TOKEN` too."""

    receiver_port: int = _setting(
        "CORTEX_OTEL_RECEIVER_PORT",
        default=4318,
        parse=_integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the OTLP/HTTP receiver."""

    receiver_token: str | None = _setting(
        "CORTEX_OTEL_RECEIVER_TOKEN",
        default=None,
        parse=_token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a sender must show (`Authorization: Bearer …`); without one every process of this
    machine may send."""

    receiver_services: Mapping[str, str] = _setting(
        "CORTEX_OTEL_RECEIVER_SERVICES",
        default=dict,
        parse=_services,
        allowed="service.name=service, comma-separated, *=service for all others, "
        "*=refuse to refuse them",
    )
    """Which Cortex service a sender is, by its `service.name`, e.g. `my-shop=web,*=refuse`. A
    sender that isn't named is the service that its name says."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "cortex.db"


def read_environment(
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Settings:
    """Make the settings from environment variables.

    Args:
        environ: where to read; the process's environment by default.
        overrides: settings by field name that win over the environment; text is parsed, other
            values are checked as their text would be; ``None`` is as if not given.
        warn: if given, called with one line for each senseless setting, whose default is then
            used; without it the first one raises.

    Raises:
        SettingError: a setting makes no sense and ``warn`` is not given.
    """
    environ = os.environ if environ is None else environ
    overrides = overrides or {}
    values: dict[str, Any] = {}
    unusable: set[str] = set()
    for setting in fields(Settings):
        try:
            given = overrides.get(setting.name)
            if given is not None:
                values[setting.name] = _override(setting, given)
            else:
                text = environ.get(setting.metadata["environment"])
                if text is not None and text != "":
                    values[setting.name] = _parse(setting, setting.metadata["environment"], text)
        except SettingError as error:
            if warn is None:
                raise
            warn(f"{error}; using the default")
            unusable.add(setting.name)
    if "otlp_headers_file" in unusable:
        # Without its headers a request may end up with another tenant.
        values.pop("otlp_endpoint", None)
    known = [setting.name for setting in fields(Settings)]
    unknown = overrides.keys() - set(known)
    if unknown:
        name = min(unknown)
        like = difflib.get_close_matches(name, known, 1)
        # Its value isn't shown: it may be a mistyped name of a secret.
        raise SettingError(
            name, _HIDDEN, "no such setting" + (f"; is {like[0]} meant?" if like else "")
        )
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        values["enabled"] = False
    return Settings(**values)


def _parse(setting: Field[Any], name: str, text: str) -> Any:
    try:
        return setting.metadata["parse"](text)
    except (ValueError, OverflowError):
        raise _senseless(setting, name, text) from None


def _senseless(setting: Field[Any], name: str, value: object) -> SettingError:
    shown = _HIDDEN if setting.metadata["secret"] else value
    return SettingError(name, shown, f"allowed is {setting.metadata['allowed']}")


def _override(setting: Field[Any], value: Any) -> Any:
    text = _text_of(value)
    is_list = isinstance(value, (Mapping, list, tuple, set, frozenset))
    if (
        text is None
        or (is_list and setting.name not in _LISTS)
        or (isinstance(value, bool) and setting.metadata["secret"])
    ):
        raise _senseless(setting, setting.name, value)
    if text == "" and setting.default is None:
        return None  # as an empty environment variable
    return _parse(setting, setting.name, text)


def _text_of(value: object) -> str | None:
    """How ``value`` would be written in the environment; ``None`` if it can't be."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else None
    if isinstance(value, Mapping):
        parts = [f"{_text_of(key)}={_text_of(rate)}" for key, rate in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        if not all(isinstance(part, str) for part in value):
            return None
        parts = [str.__str__(part) for part in value]
    else:
        return None
    # A comma would make two of one.
    return None if any("," in part for part in parts) else ",".join(parts)
