"""The window itself, on an X display of its own, driven by real key presses and drags."""

import json

import pytest

from skindose.viewer.painter import Painter
from skindose.viewer.stage import Stage, quiet
from skindose.viewer.state import Session
from tests.viewer import seen, xserver


@pytest.fixture
def display():
    xserver.require()
    opened = xserver.Display()
    yield opened
    opened.close()


def texts(picture, colour, rows):
    """Pixels of this colour in these rows on the left, where the lines of text stand."""
    return int(seen.of_colour(picture[rows, :500], colour, 40).sum())


def leaves_out_and_saves(display, place):
    """The first event, with a reason; what is saved says so."""
    display.key("Home", "x")
    display.type("test shot q s")  # a prompt takes the letters that are keys elsewhere
    display.key("Return", "s")
    display.type("slid down")
    display.key("Return")
    fresh = place.parent / "demo.v2"
    facts = display.until(lambda: (fresh / "result.json").is_file() and json.loads((fresh / "result.json").read_text()))
    moved = {change["kind"]: change for change in facts["user_changes"]}
    assert moved["excluded"]["events"] == [1]
    assert moved["excluded"]["note"] == "test shot q s"
    assert moved["moved"]["offset_mm"][1] > 100
    assert facts["revises"]["by"] == "B. Tester"
    assert facts["revises"]["note"] == "slid down"


def test_the_window_shows_steps_moves_leaves_out_and_saves(display, written, place):
    session = Session.open(written)
    with quiet():
        painter = Painter(session, Stage(session.phantom, off_screen=True))
    rows, columns = seen.body_pixels(painter.stage, session.phantom).T
    hot = slice(120, 700), slice(300, 1050)
    kind = slice(40, 62)  # the line that says which map is shown
    display.start("view", str(place), "--by", "B. Tester")

    # The body is where the same scene without a window has it, hot where it was hit, with the beam beside it.
    display.until(lambda: seen.dark(display.picture()[hot]).sum() > 60)
    picture = display.picture()
    assert (picture[rows, columns] != 255).any(axis=1).mean() > 0.99
    assert seen.of_colour(picture, seen.BEAM, 12).sum() > 100
    assert texts(picture, seen.RED, kind) == 0

    display.key("b")
    display.until(lambda: seen.of_colour(display.picture(), seen.BEAM, 12).sum() == 0)
    display.key("b", "2")  # the front
    display.until(lambda: seen.dark(display.picture()[hot]).sum() == 0)
    display.key("1")
    display.until(lambda: seen.dark(display.picture()[hot]).sum() > 60)

    # The first event alone makes no such dose; a drag goes there, keys come back.
    before = seen.dark(display.picture()[hot]).sum()
    display.drag((1070, 779), (335, 779))
    display.drop()
    display.until(lambda: seen.dark(display.picture()[hot]).sum() == 0)
    display.key("End")
    display.until(lambda: seen.dark(display.picture()[hot]).sum() == pytest.approx(before, rel=0.1))

    # A dragged slider moves the patient: a rough map at once, marked in red, then the whole one.
    display.drag((140, 482), (185, 482))
    display.until(lambda: texts(display.picture(), seen.RED, kind) > 20)
    display.drop()
    display.until(lambda: texts(display.picture(), seen.RED, kind) == 0)

    leaves_out_and_saves(display, place)
    for name in written.iterdir():
        assert (place / name.name).read_bytes() == name.read_bytes()

    display.key("q")
    out, err = display.program.communicate(timeout=30)
    assert display.program.returncode == 0
    assert out.startswith("Peak ")
    assert err == ""
