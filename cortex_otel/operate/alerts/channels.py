"""Where alerts go: Slack, any webhook, a program of this machine.

Each sends one message once and says what came of it; when to try again is :mod:`.delivery`'s.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cortex_otel.operate.alerts.post import Answer, Post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.operate.alerts.messages import Message
    from cortex_otel.settings import Settings

__all__ = ["CHANNELS", "Channel", "Outcome", "channels_of", "signature"]

CHANNELS: Final = ("slack", "webhook", "command")
_POST_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 10.0
#: Tried again; other answers below 500 won't change by it.
_TRANSIENT: Final = frozenset({408, 425, 429})
_SERVER_ERROR, _OK, _REDIRECT, _CLIENT_ERROR = 500, 200, 300, 400
#: What Slack says of a webhook it refuses, such as ``no_service``; anything else may be anything.
_SLACK_ERROR: Final = re.compile(rb"[a-z_]{3,40}")
#: All that a program gets of the environment: nobody knows which other variables are secrets.
_PASSED_ON: Final = frozenset({"HOME", "LANG", "LANGUAGE", "PATH", "TMPDIR", "TZ", "USER"})
_PASSED_ON_BEGINNING: Final = "LC_"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    is_delivered: bool = False
    is_final: bool = False
    """It wasn't delivered, and won't be by trying again."""
    retry_after: float | None = None
    """Seconds that the receiver asked for."""
    reply: str = ""
    """What came back, in English and without anything secret."""


class Channel(Protocol):
    """One of them."""

    name: str

    def send(self, message: Message) -> Outcome:
        """Send it, within some seconds."""

    def cancel(self) -> None:
        """End what :meth:`send` does, in any thread, and every later one at once."""


def channels_of(settings: Settings) -> list[Channel]:
    """Those that are set."""
    found: list[Channel] = []
    if settings.slack_webhook_url:
        found.append(_Slack(settings.slack_webhook_url))
    if settings.alert_webhook_url:
        found.append(_Webhook(settings.alert_webhook_url, settings.alert_webhook_key))
    if settings.alert_command:
        found.append(_Command(settings.alert_command))
    return found


class _Poster:
    name = ""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_cancelled = False
        self._post: Post | None = None

    def send(self, message: Message) -> Outcome:
        body, headers = self._request(message)
        self._post = Post(
            self._url,
            body,
            {"content-type": "application/json", "user-agent": "cortex-otel", **headers},
        )
        if self._is_cancelled:
            return Outcome(reply="stopped")
        return self._outcome(self._post.send(_POST_SECONDS))

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._post is not None:
            self._post.cancel()

    def _request(self, message: Message) -> tuple[bytes, dict[str, str]]:
        raise NotImplementedError

    def _outcome(self, answer: Answer) -> Outcome:
        status = answer.status
        if not status:
            return Outcome(reply=answer.problem)
        reply = f"HTTP {status}{self._reply_text(answer.body)}"
        if _OK <= status < _REDIRECT:
            return Outcome(is_delivered=True, reply=reply)
        if _REDIRECT <= status < _CLIENT_ERROR:
            return Outcome(is_final=True, reply=f"{reply}: redirects aren't followed")
        is_final = status < _SERVER_ERROR and status not in _TRANSIENT
        return Outcome(is_final=is_final, retry_after=answer.retry_after, reply=reply)

    def _reply_text(self, body: bytes) -> str:
        del body  # anybody's
        return ""


class _Slack(_Poster):
    """Slack's incoming webhook, or one that is like it.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """

    name = "slack"

    def _request(self, message: Message) -> tuple[bytes, dict[str, str]]:
        text = message.text()
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(character, entity)
        body = {"text": text, "mrkdwn": False, "unfurl_links": False}
        return json.dumps(body, ensure_ascii=False).encode(), {}

    def _reply_text(self, body: bytes) -> str:
        word = body.strip()
        return f" {word.decode()}" if word == b"ok" or _SLACK_ERROR.fullmatch(word) else ""


class _Webhook(_Poster):
    """JSON for any program, signed as Standard Webhooks says.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    name = "webhook"

    def __init__(self, url: str, key: str | None) -> None:
        super().__init__(url)
        self._key = key

    def _request(self, message: Message) -> tuple[bytes, dict[str, str]]:
        body = json.dumps(message.content(), ensure_ascii=False).encode()
        headers = {"webhook-id": message.id, "webhook-timestamp": str(int(time.time()))}
        if self._key:
            headers["webhook-signature"] = signature(
                self._key, headers["webhook-id"], headers["webhook-timestamp"], body
            )
        return body, headers


class _Command:
    """A program, which gets the same JSON on its standard input; no shell reads anything."""

    name = "command"

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, message: Message) -> Outcome:
        text = {"CORTEX_ALERT_STATE": message.state, "CORTEX_ALERT_TEXT": message.text()}
        try:
            with self._lock:
                if self._is_cancelled:
                    return Outcome(reply="stopped")
                self._process = process = subprocess.Popen(  # noqa: S603 - the operator's own program
                    self._arguments,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**_passed_on(), **text},
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", "") or type(error).__name__).lower()
            return Outcome(is_final=True, reply=f"can't be started: {reason}")
        body = json.dumps(message.content(), ensure_ascii=False).encode()
        try:
            process.communicate(body, timeout=_COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill(process)
            return Outcome(reply=f"cut off after {_COMMAND_SECONDS:g} s")
        except OSError:  # it doesn't read its input, or is gone
            self._kill(process)
        return Outcome(is_delivered=not process.returncode, reply=f"exit code {process.returncode}")

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = True
            if self._process is not None and self._process.poll() is None:
                self._kill(self._process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        """With what it has started."""
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def signature(key: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The header ``webhook-signature``: HMAC-SHA-256 over id, timestamp and body.

    Args:
        key: ``whsec_`` and base64, or the key itself.
        message_id: the header ``webhook-id``.
        timestamp: the header ``webhook-timestamp``: Unix seconds.
        body: as it is sent.
    """
    raw = base64.b64decode(key[6:]) if key.startswith("whsec_") else key.encode()
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()


def _passed_on() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_BEGINNING)
    }
