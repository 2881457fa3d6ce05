"""Make the fonts of the weekly report: Pretendard, cut down to the letters that the report knows.

Needs fonttools (``uv run --with fonttools``) and Pretendard's release 1.3.9 (npm has it too); used
once per release of the font, since what it writes is committed. Cut down, the font may not bear its
reserved name (SIL Open Font License, 3), so it is called Cortex Report.

Usage: ``python tools/report_fonts.py …/dist/public/static``
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from cortex_otel.show.report.letters import letters

_FOLDER = Path(__file__).parents[1] / "cortex_otel" / "show" / "report" / "fonts"
_FAMILY = "Cortex Report"
_WEIGHTS = ("Regular", "SemiBold")
_FEATURES = ("calt", "case", "ccmp", "kern", "locl", "mark", "tnum")
_FAMILY_ID, _STYLE_ID, _UNIQUE_ID, _FULL_ID, _POSTSCRIPT_ID, _TRADEMARK_ID = 1, 2, 3, 4, 6, 7
_KEPT_IDS = (0, 5, 8, 9, 13, 14)  # copyright, version, makers, licence


def main(source: Path) -> None:
    """Write both weights."""
    for weight in _WEIGHTS:
        font = TTFont(source / f"Pretendard-{weight}.otf", recalcTimestamp=False)
        missing = sorted(letter for letter in letters() if ord(letter) not in font.getBestCmap())
        if missing:
            sys.exit(f"Pretendard has no glyph for {' '.join(f'U+{ord(x):04X}' for x in missing)}")
        options = subset.Options()
        options.layout_features = list(_FEATURES)
        options.hinting = False
        options.notdef_outline = True
        options.name_IDs = list(_KEPT_IDS)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[ord(letter) for letter in letters()])
        subsetter.subset(font)
        full = f"{_FAMILY} {weight}"
        names = {
            _FAMILY_ID: _FAMILY if weight == "Regular" else full,
            _STYLE_ID: "Regular",
            _UNIQUE_ID: f"{full}; from Pretendard 1.3.9",
            _FULL_ID: full,
            _POSTSCRIPT_ID: full.replace(" ", ""),
            16: _FAMILY,
            17: weight,
        }
        for number, name in names.items():
            font["name"].setName(name, number, 3, 1, 0x409)
        top = font["CFF "].cff
        top.fontNames[0] = full.replace(" ", "")
        top.topDictIndex[0].FullName, top.topDictIndex[0].FamilyName = full, _FAMILY
        path = _FOLDER / f"CortexReport-{weight}.otf"
        font.save(path)
        sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
