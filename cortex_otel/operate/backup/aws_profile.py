"""Credentials as AWS's own tools find them: the environment, then a profile; never stored here."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["credentials"]

#: Beside a key and a secret: what obstore reads by itself.
_BY_ENVIRONMENT = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_OPTIONS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """What :class:`obstore.store.S3Store` doesn't find in the environment by itself.

    Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html

    Args:
        environ: of the process.

    Returns:
        Arguments of the store, by name; none of them is ever shown.

    Raises:
        BackupError: there are no credentials. Without this, the store would ask the address of a
            cloud's metadata service.
    """
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return {}
    if any(environ.get(name) for name in _BY_ENVIRONMENT):
        return {}
    profile = environ.get("AWS_PROFILE") or "default"
    section = _section(environ.get("AWS_SHARED_CREDENTIALS_FILE"), "credentials", profile)
    found = {ours: section[theirs] for theirs, ours in _OPTIONS.items() if section.get(theirs)}
    if "access_key_id" not in found or "secret_access_key" not in found:
        raise BackupError(
            N_(
                "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "AWS_PROFILE to one in ~/.aws/credentials"
            )
        )
    if not (environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")):
        named = profile if profile == "default" else f"profile {profile}"
        region = _section(environ.get("AWS_CONFIG_FILE"), "config", named).get("region")
        if region:
            found["region"] = region
    return found


def _section(given: str | None, name: str, section: str) -> Mapping[str, str]:
    path = Path(given).expanduser() if given else Path("~/.aws").expanduser() / name
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        return dict(parser[section])
    except (OSError, ValueError, configparser.Error, KeyError):
        return {}
