"""What people read, in their language: English stands in the code, Korean in ``ko/…/*.po``.

The command line speaks the language of its user::

    from cortex_otel.locale import _, ngettext

    line(_("Database: {path}", path=path))
    line(ngettext("{count} tool", "{count} tools", found, count=found))

A server has readers of both and names the language: ``texts(language).gettext("Overview")``. A text
that is declared in one place and shown in another is marked where it stands: ``N_("Overview")``.

``make texts`` brings the ``.po`` file up to date with the code and compiles it; a text without its
Korean fails ``make lint``. Nothing here is imported by an instrumented process.
"""

from __future__ import annotations

import gettext
import json
import os
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

__all__ = [
    "DOMAIN",
    "LANGUAGES",
    "N_",
    "Texts",
    "_",
    "language",
    "ngettext",
    "texts",
    "texts_of_scripts",
]

DOMAIN = "cortex_otel"
#: English has no catalogue: its texts are the ids.
LANGUAGES = ("en", "ko")


class Texts:
    """The texts of one language."""

    def __init__(self, catalogue: gettext.NullTranslations) -> None:
        self._catalogue = catalogue

    def gettext(self, message: str, /, **values: object) -> str:
        """``message`` in this language, with each ``{name}`` replaced by ``values[name]``.

        Args:
            message: as it stands in the code, in English; what has no translation stays as it is.
            values: of its placeholders; without any, braces are nothing special.

        Raises:
            KeyError: a placeholder has no value.
        """
        # The catalogue keeps its own header under the empty id.
        found = self._catalogue.gettext(message) if message else ""
        return found.format(**values) if values else found

    def ngettext(self, singular: str, plural: str, count: int, /, **values: object) -> str:
        """The form that ``count`` takes, with each ``{name}`` replaced by ``values[name]``.

        Args:
            singular: for one, in English.
            plural: for any other number, in English.
            count: chooses the form.
            values: of its placeholders; ``count=…`` among them if it is shown.

        Raises:
            KeyError: a placeholder has no value.
        """
        found = self._catalogue.ngettext(singular, plural, count)
        return found.format(**values) if values else found


@cache
def texts(language: str) -> Texts:
    """The texts of ``language``; English for any that isn't one of :data:`LANGUAGES`."""
    if language not in LANGUAGES or language == "en":
        return Texts(gettext.NullTranslations())
    with _compiled(language, f"{DOMAIN}.mo").open("rb") as file:
        return Texts(gettext.GNUTranslations(file))


@cache
def texts_of_scripts(language: str) -> Mapping[str, str]:
    """What the scripts of the web admin show in ``language``, by its English; none in English."""
    if language not in LANGUAGES or language == "en":
        return {}
    with _compiled(language, "browser.json").open(encoding="utf-8") as file:
        found: dict[str, str] = json.load(file)
    return found


def language(environ: Mapping[str, str] | None = None) -> str:
    """``ko`` or ``en``: ``CORTEX_OTEL_LANG``, else the locale of the environment, else English."""
    environ = os.environ if environ is None else environ
    for name in ("CORTEX_OTEL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name, "").strip().lower():
            return "ko" if value.startswith("ko") else "en"
    return "en"


def _compiled(language: str, name: str) -> Traversable:
    return resources.files(__name__).joinpath(language, "LC_MESSAGES", name)


def _(message: str, /, **values: object) -> str:
    """``message`` in the user's language: :meth:`Texts.gettext`."""
    return texts(language()).gettext(message, **values)


def ngettext(singular: str, plural: str, count: int, /, **values: object) -> str:
    """The form that ``count`` takes, in the user's language: :meth:`Texts.ngettext`."""
    return texts(language()).ngettext(singular, plural, count, **values)


def N_(message: str, /) -> str:  # noqa: N802 - the name it has wherever gettext is used
    """Mark ``message`` for extraction; it is translated where it is shown."""
    return message
