"""docs/geometry.md and its pictures: every degree of freedom as a rendered scene with the program's numbers beside it.

python scripts/draw_geometry.py            numbers and pictures
python scripts/draw_geometry.py --check    exit 1 if a number on the page is not what the program says; no pictures
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

import geometry_orientation
import geometry_scenes

PAGE = Path(__file__).resolve().parents[1] / "docs" / "geometry.md"


def rendered(page: str) -> str:
    """The page with its generated parts replaced.

    raises   ValueError if a part has no place in the page
    """
    for name, text in {**geometry_orientation.parts(), **geometry_scenes.parts()}.items():
        pattern = re.compile(rf"(<!-- {name}: generated[^>]*-->).*?(<!-- {name}: end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no place for {name}")
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n\n{text}\n\n{found[2]}", page)
    return page


def draw(folder: Path) -> None:
    """One PNG per scene."""
    from geometry_pictures import CAMERAS, Panel, sheet

    folder.mkdir(exist_ok=True)
    for name in geometry_scenes.MAKERS:
        scene = geometry_scenes.scene(name)
        panels = [
            Panel(shot.title, shot.case, CAMERAS[shot.camera], shot.beams, not shot.bare, shot.dose, shot.bare)
            for shot in scene.shots
        ]
        sheet(panels, scene.columns, folder / f"{name}.png")


def main() -> int:
    """Write or check."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = rendered(page)
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(difflib.unified_diff(page.splitlines(True), wanted.splitlines(True), "page", "program"))
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    draw(PAGE.with_suffix(""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
