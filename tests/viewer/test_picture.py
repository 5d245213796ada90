"""The picture without a display, and what is refused in one line."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from skindose import viewer
from skindose.errors import InputError, OutputError, SettingsError
from skindose.report.scene import VIEWS, dose_scale
from skindose.viewer.painter import Painter
from skindose.viewer.stage import Stage, quiet
from skindose.viewer.state import Session
from tests.viewer import seen


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    if not any(map(viewer._loads, ("libEGL.so.1", "libOSMesa.so.8"))):
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("no libEGL: in CI the picture is drawn")
        pytest.skip("no library here that draws without a display")


@pytest.fixture(scope="module")
def session(written):
    return Session.open(written)


def drawn(session, end_mgy=None):
    with quiet():
        painter = Painter(session, Stage(session.phantom, off_screen=True), end_mgy)
    return painter


def test_a_picture_is_written_without_a_display_and_its_text_printed(written, tmp_path, capfd):
    viewer.view(written, screenshot=tmp_path / "map.png")
    out, err = capfd.readouterr()
    assert err == ""
    assert "Peak " in out
    assert " mm below the crown" in out
    assert "stored result; whole case" in out
    assert "Not commissioned" in out
    assert "Not a measurement" in out
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (1280, 860)


@pytest.fixture(scope="module")
def one(session):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)
        yield drawn(session)


@pytest.fixture
def painter(one):
    one.beam = one.table = one.isodoses = True
    return one


def test_the_body_is_where_it_belongs_with_its_dose_in_the_colours_of_the_scale(session, painter):
    painter.beam = painter.table = painter.isodoses = False
    painter.draw()
    painter.stage.peak(None, None)
    picture = painter.stage.picture().astype(int)
    rows, columns = seen.body_pixels(painter.stage, session.phantom).T
    assert (picture[rows, columns] != 255).any(axis=1).all()
    assert (picture[300:600, 30:280] == 255).mean() > 0.95  # beside the body there is nothing, but a line of text
    dose = session.dose_mgy()
    end_mgy = dose_scale(dose.max()).end * 1000
    facing = session.phantom.normal @ np.array(painter.stage.view.eye) > 0.98
    lit = np.flatnonzero(facing & (dose > 0.2 * dose.max()))[::4]
    assert len(lit) > 10
    for cell in lit:
        row, column = seen.pixel(painter.stage, session.phantom.centroid_mm[cell])
        wanted = seen.SCALE[min(int(256 * dose[cell] / end_mgy), 255)]
        near = picture[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)
        assert np.abs(near - wanted).max(axis=1).min() < 30, "skin that faces the viewer has the scale's own colour"


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_each_view_shows_its_side(session, painter, view):
    painter.draw()
    painter.stage.look(view)
    picture = painter.stage.picture().astype(int)
    hot = seen.dark(picture[120:700, 300:1050]).sum()
    if view.name in ("back", "front", "left"):  # the demonstration is done from the back, on the right
        assert (hot > 60) == (view.name == "back")
    left, right = (seen.pixel(painter.stage, (side, -100.0, -400.0))[1] for side in (300.0, -300.0))
    assert (left < right) == (view.name in ("back", "head")) or view.name in ("left", "right")
    assert (left > right) == (view.name in ("front", "feet")) or view.name in ("left", "right")


def test_the_beam_of_an_event_stands_between_source_and_detector(session, painter):
    painter.stage.look(VIEWS[4])
    painter.draw()
    with_beam = seen.of_colour(painter.stage.picture(), seen.BEAM, 12).sum()
    painter.beam = False
    painter.draw()
    assert with_beam > 200
    assert seen.of_colour(painter.stage.picture(), seen.BEAM, 12).sum() == 0


def test_a_fixed_scale_makes_two_patients_compare(session, painter):
    fixed = drawn(session, 40000.0)
    assert fixed._scale.end == 40.0
    hot = [seen.dark(each.stage.picture()[120:700, 300:1050].astype(int)).sum() for each in (painter, fixed)]
    assert hot[1] == 0


def test_the_cell_under_the_pointer_is_the_one_drawn_there(session, painter):
    painter.stage.look(VIEWS[0])
    painter.stage.plotter.render()
    facing = np.flatnonzero(session.phantom.normal[:, 1] > 0.9)[::500]
    height = painter.stage.plotter.window_size[1]
    for cell in facing:
        row, column = seen.pixel(painter.stage, session.phantom.centroid_mm[cell])
        found = painter.stage.cell_at(column, height - 1 - row)
        far = np.linalg.norm(session.phantom.centroid_mm[found] - session.phantom.centroid_mm[cell])
        assert far < 6.0, "a pixel is 2.5 mm, a cell 5 mm"
    assert painter.stage.cell_at(5, 5) is None


def test_the_dose_up_to_an_event_is_drawn_and_said(written, tmp_path, capsys):
    viewer.view(written, screenshot=tmp_path / "one.png", event=1, view="Left")
    out = capsys.readouterr().out
    assert "dose so far: events 1 to 1" in out
    assert "Event 1 of 80" in out


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"event": 81}, SettingsError, "events 1 to 80"),
        ({"view": "above"}, SettingsError, "back, front, left, right, head, feet"),
        ({"screenshot": None}, InputError, "--screenshot FILE"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(written, tmp_path, options, error, words):
    with pytest.raises(error) as caught:
        viewer.view(written, **{"screenshot": tmp_path / "x.png", **options})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("display", [":4711", "nonsense", "localhost:4711.0"])
def test_a_display_that_does_not_answer_is_none(written, monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(InputError, match="no display"):
        viewer.view(written)


def test_a_machine_that_cannot_draw_at_all_says_so(written, tmp_path, monkeypatch):
    monkeypatch.setattr(viewer, "_loads", lambda library: False)
    with pytest.raises(InputError, match="skindose picture"):
        viewer.view(written, screenshot=tmp_path / "x.png")


def test_a_picture_replaces_no_other_file(written, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError):
        viewer.view(written, screenshot=tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_but_the_viewer_loads_the_library(tmp_path):
    code = "import sys, skindose.cli, skindose.batch, skindose.viewer; print('pyvista' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
