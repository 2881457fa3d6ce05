"""Sends datasource, folder and dashboards to a running Grafana, over its API.

Doing it again changes nothing: what is there as it should be is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cortex_otel.locale import N_
from cortex_otel.settings.loopback import is_loopback
from cortex_otel.show.grafana.setup import GrafanaSetupError, dashboards, datasource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.settings import Settings

__all__ = ["Pushed", "push"]

_FOLDER_UID, _FOLDER_TITLE = "cortex", "Cortex"
_PLUGIN = "frser-sqlite-datasource"
_TIMEOUT_SECONDS = 10.0
_NOT_FOUND, _UNAUTHORIZED, _FORBIDDEN = 404, 401, 403
#: Grafana's own, which differ from what was sent.
_GRAFANAS_OWN = frozenset({"id", "version"})

_UNREACHABLE = N_("{url} doesn't answer like a Grafana ({detail})")
_READ_ONLY = N_("{url}: {name} comes from provisioning files, which the API can't change")
#: By the status of an answer; 0 where there was none.
_REFUSALS = {
    0: _UNREACHABLE,
    _UNAUTHORIZED: N_("{url} rejects that token or password"),
    _FORBIDDEN: N_("{url}: that token may not do this; its role must be Admin"),
}


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of it."""

    version: str
    """Of Grafana."""
    sent: int
    """Dashboards that were new or different."""
    unchanged: int
    health: str
    """What the datasource says of the database; empty if all is well."""


def push(
    url: str, settings: Settings, *, force: bool, language: str, environ: Mapping[str, str]
) -> Pushed:
    """Send everything to the Grafana at ``url``.

    Args:
        url: of Grafana, without a user or password.
        settings: where the database is, and the time zone.
        force: also over plain HTTP to another machine.
        language: of the dashboards, ``en`` or ``ko``.
        environ: ``GRAFANA_TOKEN``, or ``GRAFANA_USER`` and ``GRAFANA_PASSWORD``.

    Raises:
        GrafanaSetupError: what is wrong, and where; never with a token in it.
        ImportError: ``grafana-client`` isn't installed.
    """
    _check(url, force=force)
    credential = _credential(environ)
    from grafana_client.api import GrafanaApi  # noqa: PLC0415 - an extra
    from niquests.exceptions import RequestException  # noqa: PLC0415 - comes with it

    api = GrafanaApi.from_url(f"{url.rstrip('/')}/", credential, timeout=_TIMEOUT_SECONDS)
    asked = _Asked(url, api, credential)
    try:
        version = str(asked(lambda: api.client.GET("/health")).get("version", "?"))
        if asked(lambda: api.client.GET(f"/plugins/{_PLUGIN}/settings"), or_none=True) is None:
            raise GrafanaSetupError(
                N_(
                    "{url} has no {plugin}: start Grafana with "
                    "GF_PLUGINS_PREINSTALL_SYNC=frser-sqlite-datasource@4.0.3"
                ),
                url=url,
                plugin=_PLUGIN,
            )
        _send_datasource(asked, datasource(settings.database))
        if asked(lambda: api.folder.get_folder(_FOLDER_UID), or_none=True) is None:
            asked(lambda: api.folder.create_folder(_FOLDER_TITLE, uid=_FOLDER_UID))
        wanted = dashboards(language, settings)
        sent = sum(_send_dashboard(asked, plain) for plain in wanted.values())
        health = _health(asked)
    except (RequestException, ValueError) as error:
        # Its text may hold headers; the name of its class says enough.
        raise GrafanaSetupError(_UNREACHABLE, url=url, detail=type(error).__name__) from None
    return Pushed(version=version, sent=sent, unchanged=len(wanted) - sent, health=health)


class _Asked:
    """Asks Grafana, and tells errors as ours."""

    def __init__(self, url: str, api: Any, credential: str | tuple[str, str]) -> None:
        self.url, self.api = url, api
        self._secret = credential if isinstance(credential, str) else credential[1]

    def __call__(self, ask: Callable[[], Any], *, or_none: bool = False) -> Any:
        from grafana_client.client import GrafanaException  # noqa: PLC0415 - an extra

        try:
            return ask()
        except GrafanaException as error:
            status = error.status_code
            if or_none and status == _NOT_FOUND:
                return None
            message = _REFUSALS.get(status, N_("{url} answered {status}: {detail}"))
            detail = _message(error.response) or type(error).__name__
            detail = detail.replace(self._secret, "[hidden]")
            raise GrafanaSetupError(message, url=self.url, status=status, detail=detail) from None


def _message(response: Any) -> str:
    told = response.get("message", "") if isinstance(response, dict) else ""
    return " ".join(str(told).split())[:200]


def _send_datasource(asked: _Asked, wanted: dict[str, Any]) -> None:
    api, uid = asked.api, wanted["uid"]
    found = asked(lambda: api.datasource.get_datasource_by_uid(uid), or_none=True)
    if found is None:
        asked(lambda: api.datasource.create_datasource(wanted))
    elif any(found.get(name) != value for name, value in wanted.items()):
        if found.get("readOnly"):
            raise GrafanaSetupError(_READ_ONLY, url=asked.url, name=wanted["name"])
        asked(lambda: api.datasource.update_datasource_by_uid(uid, wanted))


def _send_dashboard(asked: _Asked, plain: dict[str, Any]) -> bool:
    """Whether it had to be sent."""
    api = asked.api
    found = asked(lambda: api.dashboard.get_dashboard(plain["uid"]), or_none=True)
    if found is not None:
        meta = found.get("meta", {})
        if meta.get("provisioned"):
            raise GrafanaSetupError(_READ_ONLY, url=asked.url, name=plain["title"])
        there = {k: v for k, v in found["dashboard"].items() if k not in _GRAFANAS_OWN}
        wanted = {k: v for k, v in plain.items() if k not in _GRAFANAS_OWN}
        if there == wanted and meta.get("folderUid") == _FOLDER_UID:
            return False
    asked(
        lambda: api.dashboard.update_dashboard(
            {
                "dashboard": {**plain, "id": None},
                "folderUid": _FOLDER_UID,
                "overwrite": True,
                "message": "cortex-otel grafana push",
            }
        )
    )
    return True


def _health(asked: _Asked) -> str:
    """The dashboards are there all the same if the datasource can't read, so it's no error."""
    try:
        told = asked(lambda: asked.api.datasource.health("cortex-sqlite"))
    except GrafanaSetupError as error:
        return str(error.values.get("detail", ""))
    return "" if told.get("status") == "OK" else _message(told)


def _check(url: str, *, force: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise GrafanaSetupError(
            N_("{url} isn't the address of a Grafana: use one like http://HOST:PORT"),
            is_usage=True,
            url=_without_user(url),
        )
    if parts.username is not None or parts.password is not None:
        raise GrafanaSetupError(
            N_(
                "don't put a password into the address, where others can see it: set "
                "GRAFANA_TOKEN, or GRAFANA_USER and GRAFANA_PASSWORD"
            ),
            is_usage=True,
        )
    if parts.scheme == "http" and not is_loopback(host) and not force:
        raise GrafanaSetupError(
            N_(
                "{url} is another machine, and over http the token could be read on the way: "
                "use https, or --force"
            ),
            url=url,
        )


def _without_user(url: str) -> str:
    return url.rpartition("@")[2]


def _credential(environ: Mapping[str, str]) -> str | tuple[str, str]:
    if token := environ.get("GRAFANA_TOKEN", "").strip():
        if not token.isascii() or not token.isprintable() or " " in token:
            raise GrafanaSetupError(
                N_("GRAFANA_TOKEN contains a character that no token has"), is_usage=True
            )
        return token
    user, password = environ.get("GRAFANA_USER", ""), environ.get("GRAFANA_PASSWORD", "")
    if user and password:
        return user, password
    raise GrafanaSetupError(
        N_(
            "set GRAFANA_TOKEN to a service account's token (role Admin), or GRAFANA_USER "
            "and GRAFANA_PASSWORD"
        )
    )
