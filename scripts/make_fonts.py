"""skindose/report/fonts/*.ttf: DejaVu Sans, regular and bold, cut down to the letters that a European report needs.

Pillow's own font has no letters beyond ASCII. Needs matplotlib and fonttools (both come with pyvista in `[dev]`).
"""

from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parents[1] / "skindose" / "report" / "fonts"
NAMES = {"DejaVuSans.ttf": "sans.ttf", "DejaVuSans-Bold.ttf": "bold.ttf"}
LETTERS = [
    *range(0x20, 0x7F),  # ASCII
    *range(0xA0, 0x180),  # Latin-1 and Latin Extended-A
    *range(0x370, 0x400),  # Greek
    *range(0x400, 0x460),  # Cyrillic
    *range(0x2010, 0x2027),  # dashes, quotation marks
    *(0x20AC, 0x2192, 0x2212, 0x2264, 0x2265),  # euro, arrow, minus, at most, at least
]


def main() -> None:
    """Cut, write."""
    spec = find_spec("matplotlib")
    assert spec is not None, "needs matplotlib"
    source = Path(str(spec.origin)).parent / "mpl-data" / "fonts" / "ttf"
    options = subset.Options(hinting=False, layout_features=["kern"], name_IDs=[0, 1, 2, 4, 5, 13])
    options.drop_tables.append("FFTM")
    for name, ours in NAMES.items():
        font = TTFont(source / name, recalcTimestamp=False)
        cut = subset.Subsetter(options)
        cut.populate(unicodes=LETTERS)
        cut.subset(font)
        font.save(FONTS / ours)
    (FONTS / "LICENSE").write_text((source / "LICENSE_DEJAVU").read_text())


if __name__ == "__main__":
    main()
