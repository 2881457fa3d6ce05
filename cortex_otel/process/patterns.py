r"""What personal data and secrets look like in text, and the one function that removes them.

Threat model: text written by a host, its users or a hostile sender. Each pattern errs towards
removing too much, and each runs in linear time (one start per run of characters, possessive or
bounded repetition), since the text may have been made to be slow. Text is folded first, so that
full-width letters and zero-width or control characters don't hide anything.

A pattern can't know a person's name or a project's secret: text that was only scrubbed is still
not safe to keep. The allow-list, by which :mod:`cortex_otel.process.redact` goes, is what
protects; this is the second line behind it.
"""

from __future__ import annotations

import getpass
import ipaddress
import re
import socket
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["PATTERNS", "SCRUB_LIMIT", "Pattern", "is_clean_pairs", "machine_regex", "scrub"]

SCRUB_LIMIT: Final = 8192
"""Characters of a text that are looked at; the rest is cut off before any pattern runs."""
# A secret that the cut divides may no longer look like one: the end of what is left goes too.
_CUT_MARGIN = 512

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
# Words end at ASCII letters only: Korean puts its particles right behind an address or a number.
_WORD = re.compile(r"[A-Za-z0-9]")


class Pattern(NamedTuple):
    """One thing that :func:`scrub` removes; documented in ``docs/reference/redaction.md``."""

    name: str
    catches: str
    replacement: str
    regex: re.Pattern[str]
    accepts: Callable[[re.Match[str]], bool] | None = None
    """Decides on a match where an expression can't; ``None`` takes every match."""


def _is_mixed(match: re.Match[str]) -> bool:
    text = match[0]
    return (
        any(map(str.isdigit, text)) and any(map(str.isupper, text)) and any(map(str.islower, text))
    )


def _is_ipv6(match: re.Match[str]) -> bool:
    text, (start, end) = match[0], match.span()
    # `host:fe80::1: refused` has colons that aren't the address's, `std::dec` letters that are
    # another word's.
    in_word = _WORD.fullmatch(match.string[start - 1 : start] or " ") is not None
    to_word = _WORD.fullmatch(match.string[end : end + 1] or " ") is not None
    if (in_word and text[0] != ":") or (to_word and text[-1] != ":"):
        return False
    candidates = {text.strip(":")}
    if not in_word and not to_word:
        candidates |= {text, text[1:], text[:-1], text[1:-1]}
    return any(map(_is_address, candidates))


def _is_address(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text) != ipaddress.IPv6Address("::")
    except ValueError:
        return False


def _is_no_uuid(match: re.Match[str]) -> bool:
    return match.lastgroup != "uuid"


def _machine_names() -> set[str]:
    names: set[str] = set()
    for ask in (getpass.getuser, socket.gethostname, lambda: Path.home().name):
        try:
            name = ask()
        except Exception:  # noqa: BLE001, S112 - a container may have no user and no home
            continue
        names |= {name, name.partition(".")[0]}
    return names


def machine_regex(names: Iterable[str]) -> re.Pattern[str]:
    """Make the expression that finds this machine's user and host name.

    Args:
        names: user and host names; those under 3 characters, generic ones and words of our own
            vocabulary are left out, since they would blot out ordinary identifiers.

    Returns:
        An expression that matches the names as whole words; one that never matches without names.
    """
    generic = {
        "root", "localhost", "localdomain", "user", "users", "admin", "administrator", "ubuntu",
        "debian", "runner", "runneradmin", "test", "tests", "dev", "home", "main", "docker",
        "vscode", "codespace", "node", "app", "python", "git", "nobody", "guest", "system", "work",
        "workspace", "server", "client", "host", "local", "default", "container",
    }  # fmt: skip
    vocabulary = (value for value in vars(semconv).values() if isinstance(value, str))
    generic.update(part for value in vocabulary for part in re.split(r"\W|_", value.lower()))
    kept = {name for name in names if len(name) >= 3 and name.lower() not in generic}  # noqa: PLR2004 - said above
    if not kept:
        return re.compile(r"(?!)")
    either = "|".join(re.escape(name) for name in sorted(kept, key=len, reverse=True))
    return re.compile(rf"(?i)(?<![a-z0-9])(?:{either})(?![a-z0-9])")


_UUID = r"(?P<uuid>(?<!\w)[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?!\w))|"
_SEPARATOR = r"(?:[\\/]|%2[Ff]|%5[Cc])"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"

PATTERNS: Final[tuple[Pattern, ...]] = (
    Pattern(
        "private key", "PEM private keys, also without their end", "[PRIVATE_KEY]",
        re.compile(r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?:(?!-----END )[\s\S])*+"
                   r"(?:-----END [A-Z0-9 ]{0,32}-----)?"),
    ),
    Pattern(
        "URL credentials", "user and password before the host of a URL", "://[CREDENTIALS]@",
        re.compile(r"://(?:[^\s/?#@:]{0,256}:[^\s@]{0,256}@|[^\s/?#@]++@)(?:[^\s/?#@]*@)?"),
    ),
    Pattern(
        "assignment", "values of password, secret, token, API key, authorization, cookie",
        r"\1[SECRET]",
        re.compile(r"(?i)((?:password|passwd|passphrase|pwd|secret|token|credentials?|cookie"
                   r"|api[_-]?key|authorization|비밀번호|암호)"
                   r"(?:[_-]?(?:access[_-]?)?key)?\\?[\"']?\s{0,8}[=:]\s{0,8})"
                   r"(?:(?:bearer|basic|digest|token)\s{1,8})?"
                   r"(?:\[SECRET\]|\"[^\"\n]*+\"?|'[^'\n]*+'?|\S++)"),
    ),
    Pattern(
        "authorization", "bearer and basic tokens", r"\1 [SECRET]",
        re.compile(r"(?i)(?<![a-z0-9])(bearer|basic)\s{1,8}[\w.~+/=-]{8,}+"),
    ),
    Pattern(
        "key prefix",
        "keys of OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, AWS, Google, npm, HF, PyPI",
        "[KEY]",
        re.compile(r"(?<![A-Za-z])(?:sk-[\w-]{16,}+|[psr]k_(?:live_|test_)?[A-Za-z0-9]{16,}+"
                   r"|hf_[A-Za-z0-9]{16,}+|npm_[A-Za-z0-9]{20,}+|pypi-(?:Ag|(?=[\w-]{32}))[\w-]{16,}+)"
                   r"|gh[pousr]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+|glpat-[\w-]{16,}+"
                   r"|xox[abeoprs]-[\w-]{8,}+|A(?:KI|SI|RO|ID)A[A-Z0-9]{12,}+|AIza[\w-]{20,}+"
                   r"|ya29\.[\w-]{16,}+"),
    ),
    Pattern(
        "JWT", "JSON web tokens", "[JWT]",
        re.compile(r"eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}"),
    ),
    Pattern(
        "e-mail", "e-mail addresses, also with %40", "[EMAIL]",
        re.compile(r"(?<![\w.+-])(?:\"[^\"\n]{1,64}\"|[\w.+'-]++)(?:@|%40)"
                   rf"(?:(?:[\w-]++\.)+[^\W\d_][\w-]++|{_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d))"),
    ),
    Pattern(
        "home directory", "home directories of Linux, macOS and Windows, also in file URIs", "~",
        re.compile(
            rf"(?i:(?:(?<![a-z])[a-z](?::|%3a){_SEPARATOR}{{1,4}}|\\|%5c)"
            rf"(?:users|documents and settings){_SEPARATOR}{{1,4}})"
            r"(?:[^\\/\r\n\"'<>|:*?;,]{1,64}(?=[\\/])|[^\\/\s\"'<>|:*?;,]++)"
            rf"|{_SEPARATOR}(?:home|Users){_SEPARATOR}{{1,4}}[^\\/\s\"'<>|:;,)]++"
            r"|(?<![\w.~-])/root(?![A-Za-z0-9_-])"
        ),
    ),
    Pattern(
        "long hex", "32 and more hexadecimal digits", "[HEX]",
        re.compile(r"[0-9A-Fa-f]{32,}+"),
    ),
    Pattern(
        "long base64", "40 and more characters of base64 with digits and both cases", "[BASE64]",
        re.compile(r"[A-Za-z0-9+/_-]{40,}+={0,2}"), _is_mixed,
    ),
    Pattern(
        "resident number", "Korean resident and US social security numbers", "[RESIDENT_NUMBER]",
        re.compile(_UUID + r"(?<!\d)(?:\d{6} ?- ?\d{7}|\d{3}-\d{2}-\d{4})(?!\d)"), _is_no_uuid,
    ),
    Pattern(
        "card number", "13 and more digits, also in groups; UUIDs stay", "[NUMBER]",
        re.compile(_UUID + r"(?<!\d)\d(?:[ -]?\d){12,}+"), _is_no_uuid,
    ),
    Pattern(
        "phone number", "international, Korean and North American phone numbers", "[PHONE]",
        re.compile(_UUID + r"(?<![A-Za-z0-9])\+\d(?:[ ().-]{0,2}\d){7,13}(?!\d)"
                   r"|(?<!\d)01[016789][ .-]?\d{3,4}[ .-]?\d{4}(?!\d)"
                   r"|(?<![A-Za-z0-9.-])\(?0\d{1,2}[). -]{1,2}\d{3,4}[ .-]\d{4}(?![A-Za-z0-9])"
                   r"|(?<![A-Za-z0-9.-])(?:1[ .-])?\(?[2-9]\d{2}[). -]{1,2}\d{3}[ .-]\d{4}"
                   r"(?![A-Za-z0-9])"),
        _is_no_uuid,
    ),
    Pattern(
        "MAC address", "hardware addresses", "[MAC]",
        re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Za-z])"),
    ),
    Pattern(
        "IPv4", "IPv4 addresses", "[IP]",
        re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)"),
    ),
    Pattern(
        "IPv6", "IPv6 addresses", "[IP]",
        re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f:]{3,}+"), _is_ipv6,
    ),
    Pattern(
        "machine", "this machine's user and host name", "[MACHINE]",
        machine_regex(_machine_names()),
    ),
)  # fmt: skip
"""In the order they run: what holds other things (a URL, an assignment) comes first."""


def scrub(text: str) -> str:
    """Replace what looks like personal data or a secret by a placeholder.

    Args:
        text: any text. Beyond :data:`SCRUB_LIMIT` characters it is cut, with a margin.

    Returns:
        The text without it; unchanged (and equal) if there was nothing to remove.
    """
    text = str.__str__(text)
    is_cut = len(text) > SCRUB_LIMIT
    text = text[:SCRUB_LIMIT]
    if not text.isascii():
        # Compatibility folding makes some characters 18 long.
        text = unicodedata.normalize("NFKC", text)[:SCRUB_LIMIT]
    if not text.isascii() or not text.isprintable():
        text = _INVISIBLE.sub("", text)
    for pattern in PATTERNS:
        accepts = pattern.accepts
        if accepts is None:
            text = pattern.regex.sub(pattern.replacement, text)
        elif pattern.regex.search(text):
            text = _sub_accepted(pattern, accepts, text)
    return (text[:-_CUT_MARGIN] if is_cut else text)[:SCRUB_LIMIT]


def is_clean_pairs(text: str) -> bool:
    """Whether :func:`scrub` leaves ``text`` as it is, whose colons pair a name with a type."""
    # `token:str` is a parameter and its type, not a secret and its value.
    apart = text.replace(":", " , ")
    return scrub(apart) == apart


def _sub_accepted(pattern: Pattern, accepts: Callable[[re.Match[str]], bool], text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        return pattern.replacement if accepts(match) else match[0]

    return pattern.regex.sub(replace, text)
