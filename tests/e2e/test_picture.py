"""`skindose picture` as its users call it, on a machine without a display; and the numbers of docs/reading-a-map.md."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skindose import Settings, compute, read
from skindose.report.scene import format_dose_mgy, words

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "siemens_axiom_example_procedure.dcm"


def python(code, cwd):
    """Run code in a process of its own, without a display."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "phantoms")])}
    environment.pop("DISPLAY", None)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=600)


def command(*arguments):
    return f"import sys; from skindose.cli import main; sys.argv = {['skindose', *map(str, arguments)]!r}; main()"


@pytest.mark.shared
def test_a_result_folder_becomes_a_picture(rdsr_folder, tmp_path):
    done = python(command("run", rdsr_folder / EXAMPLE, "--out", "results"), tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path("results") / EXAMPLE.removesuffix(".dcm")
    done = python(command("picture", folder, "--out", "map.png"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    image = Image.open(io.BytesIO((tmp_path / "map.png").read_bytes()))
    assert image.width == 1600
    assert (np.ptp(np.asarray(image).astype(int), axis=2) > 100).sum() > 1000  # dose is there
    code = "import sys, skindose.folder, skindose.report.picture; print(*{name.split('.')[0] for name in sys.modules})"
    done = python(code, tmp_path)
    assert not {"vtkmodules", "pyvista", "numba", "plotly", "matplotlib"} & set(done.stdout.split())
    again = python(command("picture", folder, "--out", "again.png"), tmp_path)
    assert again.returncode == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "map.png").read_bytes()


def test_a_folder_that_is_no_result_gives_one_line(tmp_path):
    done = python(command("picture", tmp_path), tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no result folder" in done.stderr
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.shared
@pytest.mark.parametrize("pose", ["arms-down", "right-arm-up"])
def test_the_worked_example_says_what_the_program_says(rdsr_folder, pose):
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "reading-a-map.md").read_text(encoding="utf-8"))
    peak = compute(read(rdsr_folder / EXAMPLE), Settings(pose=pose)).dosemap.peak
    assert f"**{format_dose_mgy(peak.skin_dose_mgy)} (95 %:" in page
    assert words(peak.region) in page
