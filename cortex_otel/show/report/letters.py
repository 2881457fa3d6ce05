"""The letters of the bundled font, and how other letters and long names are shown.

A letter without a glyph would be an empty box that can't be read aloud, which PDF/UA doesn't allow.
``tools/report_fonts.py`` makes the font from this list.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import chain
from typing import Final

__all__ = ["MAX_LENGTH", "MISSING", "legible", "letters"]

MISSING: Final = "□"
MAX_LENGTH: Final = 36
"""Letters of a name that are shown at most."""

#: Latin, Greek and Cyrillic, punctuation and signs, Korean letters and full-width forms.
_RANGES: Final = (
    (0x20, 0x7E), (0xA1, 0xAC), (0xAE, 0x148), (0x14A, 0x17F), (0x218, 0x21B),
    (0x391, 0x3A1), (0x3A3, 0x3A9),
    (0x3B1, 0x3C9), (0x401, 0x401), (0x410, 0x44F), (0x451, 0x451), (0x2013, 0x2014),
    (0x2018, 0x201A), (0x201C, 0x201E), (0x2020, 0x2022), (0x2026, 0x2026), (0x2030, 0x2030),
    (0x2039, 0x203A), (0x20A9, 0x20A9), (0x20AC, 0x20AC), (0x2116, 0x2116), (0x2122, 0x2122),
    (0x2190, 0x2193), (0x2212, 0x2212), (0x221E, 0x221E), (0x2248, 0x2248), (0x2260, 0x2260),
    (0x2264, 0x2265), (0x25A0, 0x25A1), (0x25B2, 0x25B3), (0x25BC, 0x25BD), (0x25CB, 0x25CB),
    (0x25CF, 0x25CF), (0x3131, 0x3163),
)  # fmt: skip
#: The rows of KS X 1001 that hold its 2,350 syllables: what is typed in Korean but for rarities.
_SYLLABLE_ROWS: Final = range(0xB0, 0xC9)
_CELLS: Final = range(0xA1, 0xFF)


@cache
def letters() -> frozenset[str]:
    """Every letter that the font has."""
    syllables = (bytes((row, cell)).decode("euc_kr") for row in _SYLLABLE_ROWS for cell in _CELLS)
    others = (chr(code) for first, last in _RANGES for code in range(first, last + 1))
    return frozenset(chain(syllables, others))


def legible(name: str) -> str:
    """``name`` with letters of the font alone, on one line, at most :data:`MAX_LENGTH` of them.

    The middle of a longer one is left out, since long names differ at their ends.
    """
    known = letters()
    shown = "".join(
        letter if letter in known else " " if letter.isspace() else MISSING
        for letter in unicodedata.normalize("NFC", name[:1000])
        if unicodedata.category(letter) not in {"Cf", "Mn"}  # they'd turn or cover other letters
    ).strip()
    if len(shown) <= MAX_LENGTH:
        return shown
    tail = MAX_LENGTH // 3
    return f"{shown[: MAX_LENGTH - tail - 1]}…{shown[-tail:]}"
