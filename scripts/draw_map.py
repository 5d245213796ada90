"""docs/map.png, the README's picture: the skin-dose map of a real procedure, as `skindose picture` draws it.

Runs the program on the 316-event file of ../shared (7.7 Gy at the reference point).
"""

from pathlib import Path

import skindose
from skindose.report.picture import picture_png
from skindose.report.summary import summary

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"
WIDTH_PX = 1200  # what a page of the README shows, and half the bytes


def main() -> None:
    """Run, draw, write."""
    result = skindose.compute(skindose.read(SOURCE), skindose.Settings())
    png = picture_png(summary(result), result.phantom, result.dosemap.dose_mgy, WIDTH_PX)
    (ROOT / "docs" / "map.png").write_bytes(png)


if __name__ == "__main__":
    main()
