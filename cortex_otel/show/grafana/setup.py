"""Sets up a Grafana over the database: as files that it reads at its start, or over its API.

The dashboards are part of the package, made by :mod:`~cortex_otel.show.grafana.dashboards`; only
what differs from one installation to the next is put in here: paths, thresholds, time zone,
language.

Thresholds are those of ``cortex-otel serve``, of the environment or else of ``alerts.toml``, so
that both agree. In a container without Python, ``grafana/start.sh`` takes those of its environment.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.query.alert_rules import FILE_NAME, KEYS, read_rules
from cortex_otel.query.zones import project_zone
from cortex_otel.settings import SettingError, Settings, parsers
from cortex_otel.show.grafana import alerts
from cortex_otel_exporters.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.resources.abc import Traversable

__all__ = [
    "DASHBOARD_PREFIX",
    "GrafanaSetupError",
    "Provisioned",
    "dashboards",
    "datasource",
    "files",
    "provision",
    "sources",
]

DASHBOARD_PREFIX = "cortex-"
_PATH_OPTIONS = "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)"
_WEBHOOK, _OLD_WEBHOOK = "CORTEX_OTEL_SLACK_WEBHOOK_URL", "CORTEX_OTEL_SLACK_WEBHOOK"
_ONLY_WITH_SLACK = " # only with Slack"
_SILENCE, _MOST_SILENCE = "CORTEX_OTEL_ALERT_SILENCE_MINUTES", 59  # of the hour that is looked at
_RULES_FILE = "alerting/rules.yaml"
_VALUE = re.compile(r"^(\s*\w+: )(\$\w+)$", re.MULTILINE)
_URL = re.compile(r"https://[^\s'\"\\]{1,500}")
_SECRET_MODE, _MODE = 0o600, 0o644


class GrafanaSetupError(Exception):
    """Grafana can't be set up.

    Args:
        message: what is wrong and what to do, in English, marked with ``N_``.
        is_usage: what was given makes no sense, whatever the state of Grafana and the disk.
        values: of the message.
    """

    def __init__(self, message: str, *, is_usage: bool = False, **values: object) -> None:
        super().__init__(f"{message} {values}")
        self.message, self.is_usage, self.values = message, is_usage, values


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was written."""

    directory: Path
    dashboards: int
    has_slack: bool
    has_old_webhook: bool
    """The webhook has the name that was Grafana's own."""
    has_database: bool


def sources() -> Traversable:
    """``grafana/``: in a wheel beside this module, in a clone at its top."""
    packaged = resources.files("cortex_otel.show.grafana") / "files"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "grafana"


def dashboards(language: str, settings: Settings) -> dict[str, dict[str, Any]]:
    """The dashboards by uid, with days and times as in the project's time zone."""
    zone = project_zone(settings.time_zone).name
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted(sources().joinpath("dashboards", language).iterdir(), key=str):
        if not entry.name.endswith(".json"):
            continue
        plain: dict[str, Any] = json.loads(entry.read_text(encoding="utf-8"))
        plain["timezone"] = "utc" if zone == "UTC" else zone
        for variable in plain["templating"]["list"]:
            if variable["name"] == "time_zone":
                variable["current"] = {"selected": True, "text": zone, "value": zone}
        found[plain["uid"]] = plain
    return found


def datasource(database: Path) -> dict[str, Any]:
    """The datasource as Grafana's API takes it."""
    return {
        "uid": "cortex-sqlite",
        "name": "Cortex telemetry",
        "type": "frser-sqlite-datasource",
        "access": "proxy",
        "isDefault": False,
        "jsonData": {
            "path": _in_uri(database),
            "pathPrefix": "file:",
            "pathOptions": _PATH_OPTIONS,
            "attachLimit": 0,
        },
    }


def files(
    directory: Path, language: str, settings: Settings, environ: Mapping[str, str]
) -> dict[str, tuple[str, int]]:
    """Text and mode of every file below ``directory``, by its path.

    Raises:
        SettingError: a threshold or the webhook makes no sense.
    """
    webhook = _webhook(environ)
    folder = directory / "dashboards" / "cortex"
    written: dict[str, tuple[str, int]] = {}
    replaced = {
        "$CORTEX_DATABASE": _yaml(_in_uri(settings.database)),
        "$CORTEX_DASHBOARDS": _yaml(str(folder)),
        f"${_WEBHOOK}": _yaml(webhook),
    }
    for entry in _below(sources().joinpath("provisioning")):
        text = entry[1].read_text(encoding="utf-8")
        secret = f"${_WEBHOOK}" in text
        if secret and not webhook:
            continue
        if entry[0] == _RULES_FILE:
            text = _rules(settings, environ, has_slack=bool(webhook))
        else:
            # In whole lines that are no comments.
            text = _VALUE.sub(lambda found: found[1] + replaced.get(found[2], found[2]), text)
        written[entry[0]] = (text, _SECRET_MODE if secret else _MODE)
    for uid, plain in dashboards(language, settings).items():
        text = json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        written[f"dashboards/cortex/{uid}.json"] = (text, _MODE)
    written["grafana.env"] = (_environment(directory, folder), _MODE)
    return written


def provision(
    target: str,
    settings: Settings,
    *,
    force: bool,
    language: str,
    environ: Mapping[str, str] | None = None,
) -> Provisioned:
    """Write everything that an installed Grafana reads at its start below ``target``.

    Args:
        target: the directory; made if it isn't there. Files of others in it are left alone.
        settings: where the database is, and the time zone.
        force: overwrite files that are there.
        language: of the dashboards, ``en`` or ``ko``.
        environ: where thresholds and webhook are; the process's environment by default.

    Raises:
        GrafanaSetupError: a file is there already, or can't be written.
        SettingError: a threshold or the webhook makes no sense.
    """
    environ = os.environ if environ is None else environ
    if not target.strip() or "\0" in target:
        raise GrafanaSetupError(N_("{path!r} isn't a directory"), is_usage=True, path=target)
    directory = Path(target).expanduser().absolute()
    written = files(directory, language, settings, environ)
    taken = [name for name in written if os.path.lexists(directory / name)]
    if taken and not force:
        raise GrafanaSetupError(
            N_("{path} already exists ({count} files in all): --force overwrites them"),
            path=directory / taken[0],
            count=len(taken),
        )
    try:
        for name, (text, mode) in written.items():
            _write(directory / name, text, mode)
        for path in _left_over(directory, written):
            path.unlink()
    except OSError as error:
        raise GrafanaSetupError(
            N_("can't write {path}: {detail}"),
            path=error.filename or directory,
            detail=error.strerror or error,
        ) from error
    return Provisioned(
        directory=directory,
        dashboards=sum(name.startswith("dashboards/cortex/") for name in written),
        has_slack="alerting/contact-points.yaml" in written,
        has_old_webhook=not environ.get(_WEBHOOK, "").strip(),
        has_database=settings.database.exists(),
    )


def _left_over(directory: Path, written: Mapping[str, object]) -> list[Path]:
    """Files of an earlier version or setting, which Grafana would go on reading."""
    ours = [*directory.glob(f"dashboards/cortex/{DASHBOARD_PREFIX}*.json")]
    contact_points = directory / "alerting" / "contact-points.yaml"
    if contact_points.is_file() and "cortex-slack" in contact_points.read_text(encoding="utf-8"):
        ours.append(contact_points)
    return [path for path in ours if path.relative_to(directory).as_posix() not in written]


def _write(path: Path, text: str, mode: int) -> None:
    """At once or not at all: Grafana may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode(), mode=mode)


def _below(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name = prefix + entry.name
        found += _below(entry, f"{name}/") if entry.is_dir() else [(name, entry)]
    return found


def _rules(settings: Settings, environ: Mapping[str, str], *, has_slack: bool) -> str:
    strict = {
        setting.name: _parsed(setting.metadata["parse"], setting.metadata["allowed"], name, text)
        for setting in fields(Settings)
        if setting.name.removeprefix("alert_") in KEYS
        and (text := environ.get(name := setting.metadata["environment"], "").strip())
    }
    found = read_rules(settings.home / FILE_NAME, replace(settings, **strict)).rules
    silence = alerts.SILENCE_MINUTES
    if text := environ.get(_SILENCE, "").strip():
        allowed = f"a number above 0, at most {_MOST_SILENCE}"
        silence = _parsed(parsers.number(0, _MOST_SILENCE), allowed, _SILENCE, text)
    lines = [
        line.removesuffix(_ONLY_WITH_SLACK)
        for line in alerts.rules(found, silence).splitlines()
        if has_slack or not line.endswith(_ONLY_WITH_SLACK)
    ]
    return "\n".join(lines) + "\n"


def _parsed(parse: Callable[[str], Any], allowed: str, name: str, text: str) -> Any:
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise SettingError(name, text, f"allowed is {allowed}") from None


def _webhook(environ: Mapping[str, str]) -> str:
    name = _WEBHOOK if environ.get(_WEBHOOK, "").strip() else _OLD_WEBHOOK
    text = environ.get(name, "").strip()
    if text and not _URL.fullmatch(text):
        # It is a secret: who knows it may post.
        raise SettingError(name, "[hidden]", "allowed is a URL that begins with https://")
    return text


def _environment(directory: Path, folder: Path) -> str:
    common = sources().joinpath("grafana.env").read_text(encoding="utf-8")
    own = {
        "GF_PATHS_PROVISIONING": str(directory),
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(folder / f"{DASHBOARD_PREFIX}home.json"),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
    }
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in own.items())
    return f"{common}\n# This installation.\n{lines}"


def _yaml(value: str) -> str:
    """``value`` as a YAML string that Grafana's own interpolation leaves as it is."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)


def _in_uri(path: Path) -> str:
    """``path`` as SQLite reads it behind ``file:``, where ``?``, ``#`` and ``%`` mean something."""
    text = path.as_posix()
    for character in "%?#":
        text = text.replace(character, f"%{ord(character):02x}")
    return text
