"""From the content to the bytes of a PDF: tagged (PDF/UA-1), and the same for the same content.

Typst reads nothing but the template and the two bundled fonts: no font of the system, no package,
no clock. The content comes to the template as JSON, so nothing in it is markup.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_available", "typeset"]

_HERE: Final = Path(__file__).parent
_TEMPLATE: Final = _HERE / "report.typ"
_FONTS: Final = _HERE / "fonts"
#: Where the web admin declares its colours; a PDF is light.
_COLOURS: Final = _HERE.parent / "web" / "static" / "css" / "tokens.css"
_COLOUR: Final = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}),")


def is_available() -> bool:
    """Whether Typst is installed, which the extra ``[report]`` brings."""
    return find_spec("typst") is not None


def typeset(content: Mapping[str, Any]) -> bytes:
    """The PDF.

    Args:
        content: from :func:`~cortex_otel.show.report.content.content`.

    Raises:
        ImportError: Typst isn't installed.
    """
    import typst  # noqa: PLC0415 - an extra

    year, month, day = content["date"]
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_FONTS)]
    )
    compiler = typst.Compiler(
        str(_TEMPLATE),
        root=str(_HERE),
        font_paths=fonts,
        ignore_system_fonts=True,
        sys_inputs={"content": json.dumps({**content, "colours": _colours()}, sort_keys=True)},
    )
    made = compiler.compile(
        format="pdf",
        pdf_standards=["ua-1"],
        timestamp=datetime(year, month, day, tzinfo=UTC),
    )
    if not isinstance(made, bytes):  # of other formats: a page each
        raise TypeError(type(made))
    return made


@cache
def _colours() -> dict[str, str]:
    """The light colours of the web admin by name: ``series-1``, ``good``."""
    return dict(_COLOUR.findall(_COLOURS.read_text(encoding="utf-8")))
