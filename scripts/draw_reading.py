"""docs/reading/*.png, the worked example of docs/reading-a-map.md: one procedure with the right arm down and up.

Runs the program on the 24-event file of ../shared twice and draws both maps on one fixed scale.
"""

from pathlib import Path

import skindose
from skindose.report.picture import picture_png
from skindose.report.summary import summary

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "rdsr" / "siemens_axiom_example_procedure.dcm"
FOLDER = ROOT / "docs" / "reading"
WIDTH_PX, END_MGY = 900, 16.0


def main() -> None:
    """Run, draw, write."""
    FOLDER.mkdir(exist_ok=True)
    for pose in ("arms-down", "right-arm-up"):
        result = skindose.compute(skindose.read(SOURCE), skindose.Settings(pose=pose))
        facts, dose_mgy = summary(result), result.dosemap.dose_mgy
        png = picture_png(facts, result.phantom, dose_mgy, WIDTH_PX, END_MGY, legend=False)
        (FOLDER / f"{pose}.png").write_bytes(png)


if __name__ == "__main__":
    main()
