"""The window's state without a window: what is changed, computed, undone and saved."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from skindose import folder, pipeline
from skindose.config import Settings
from skindose.errors import InputError, OutputError, SettingsError
from skindose.report.summary import clean, summary
from skindose.viewer import state
from skindose.viewer.edits import NOWHERE, Edits
from skindose.viewer.state import Kind, Session
from tests.close import close

SAME = "the same computation"
STARTED = ("",) * 80


@pytest.fixture(scope="module")
def opened(written):
    return Session.open(written)


@pytest.fixture
def session(opened, place):
    """As freshly opened, without computing again."""
    opened.stored = replace(opened.stored, path=place)
    opened.edits, opened._history, opened._job, opened.shown = Edits(), [], None, opened._stored
    opened._saved, opened.saved_as, opened._open_move = Edits(), "", False
    opened.event, opened.so_far, opened.first = 79, True, 0
    return opened


def full(session):
    session.start_full()
    assert session.take_full(wait=True)
    return session.shown.dosemap.dose_mgy


def contents(path):
    return {each.name: each.read_bytes() for each in sorted(path.iterdir())}


# --- What is shown


def test_opening_shows_what_is_stored_and_this_version_computes_it_again(session):
    assert session.shown.kind is Kind.STORED
    assert session.difference == ""
    np.testing.assert_array_equal(session.dose_mgy(), session.stored.dose_mgy)
    close(session.peak().skin_dose_mgy, session.stored.facts["peak"]["skin_dose_mgy"], rtol=1e-5, because="six digits")


def test_a_result_that_this_version_computes_otherwise_is_told_and_still_shown(session):
    stored = replace(session.stored, dose_mgy=session.stored.dose_mgy * 1.01)
    other = Session(stored)
    assert "computes the stored case otherwise" in other.difference
    np.testing.assert_array_equal(other.dose_mgy(), stored.dose_mgy)
    rounded = Session(replace(session.stored, dose_mgy=session.stored.dose_mgy * (1 + 1e-9)))
    assert rounded.difference == ""


def test_the_dose_so_far_grows_event_by_event_to_the_whole(session):
    session.select(-5)
    assert session.event == 0
    first = session.dose_mgy()
    own = session.result.beams.event == 0
    rows = np.repeat(own, np.diff(session.result.dosemap.beam_start))
    dosemap = session.result.dosemap
    alone = np.bincount(dosemap.cell[rows], weights=dosemap.hit_dose_mgy[rows], minlength=len(first))
    close(first, alone, rtol=1e-12, atol=1e-12, because="the same sum")
    session.select(78)
    before = session.dose_mgy()
    assert (before >= first).all()
    session.select(500)
    assert session.event == 79
    assert (session.dose_mgy() >= before - 1e-3).all()  # 4 bytes a hit: 80 hits of up to 3000 mGy
    session.select(0)
    session.so_far = False
    np.testing.assert_array_equal(session.dose_mgy(), session.stored.dose_mgy)


def test_the_reading_under_the_pointer_has_dose_uncertainty_region_and_place(session):
    cell = session.peak().cell
    text = session.reading(cell)
    x, _, z = session.phantom.centroid_mm[cell]
    side = "right" if x < 0 else "left"
    assert f"{abs(x):.0f} mm {side} of the middle, {-z:.0f} mm below the crown" in text
    assert " \u00b1 " in text
    assert session.phantom.region_names[session.phantom.region[cell]].replace("_", " ") in text
    session.select(10)
    assert "\u00b1" not in session.reading(cell)  # the uncertainty is that of the whole


# --- Changes


def test_to_leave_an_event_out_takes_its_hits_off_the_map(session):
    session.select(4)
    rows = np.repeat(session.result.beams.event == 4, np.diff(session.result.dosemap.beam_start))
    dosemap = session._stored.dosemap
    own = np.bincount(dosemap.cell[rows], weights=dosemap.hit_dose_mgy[rows], minlength=len(session.dose_mgy()))
    assert own.max() > 50.0
    wanted = session.stored.dose_mgy - own
    session.exclude("shot beside the table")
    close(full(session), wanted, rtol=0, atol=1e-6 * wanted.max(), because="hits are kept to 7 digits")
    assert session.excluded
    assert session.beam() is None
    assert session.why_no_beam() == "left out: shot beside the table"


def test_an_event_left_out_counts_again(session):
    session.select(4)
    session.exclude("a mistake")
    session.include()
    assert not session.excluded
    assert session.settings().exclude == ""
    session.preview()
    assert session.shown.kind is Kind.STORED  # nothing is changed any more


def test_an_event_that_the_stored_case_leaves_out_counts_again():
    base = Settings(**{"exclude": "3,7-9=test shots; 12"})
    again = Edits().with_event(7, base, STARTED)
    assert again.settings(base, STARTED).exclude == "3,7,9=test shots; 12"
    assert again.without(7, "after all").settings(base, STARTED).exclude == "3,7-9=test shots; 12; 8=after all"
    assert not Edits().with_event(5, base, STARTED).any()


@pytest.mark.parametrize("reason", ["", "   ", " ; "])
def test_no_event_is_left_out_without_a_reason(session, reason):
    with pytest.raises(SettingsError, match="reason"):
        session.exclude(reason)
    assert not session.unsaved


def test_a_semicolon_in_a_reason_does_not_begin_another_exclusion(session):
    session.select(0)
    session.exclude("test shot; 2=not that one")
    session.settings()
    changed = pipeline.compute_case(session._case(), sampled=False)
    assert list(changed.excluded) == [0]


def test_a_preview_is_near_the_full_map_and_says_that_it_is_rough(session):
    session.move("head", 40.0)
    session.preview()
    assert session.shown.kind is Kind.PREVIEW
    assert session.needs_full
    rough = session.peak().skin_dose_mgy
    full(session)
    assert session.shown.kind is Kind.FULL
    assert not session.needs_full
    close(rough, session.peak().skin_dose_mgy, rtol=0.03, because="the halo outside the fields is left out")


def test_the_patient_turns_about_his_long_axis_from_an_event_on(session):
    session.first = 40
    session.move("turn", 20.0)
    moved = full(session)
    beams = session.shown.beams
    early = beams.event < 40
    stored = session._stored.beams
    np.testing.assert_array_equal(beams.axis[early], stored.axis[early])
    primary, before = (np.degrees(np.arctan2(axis[:, 0], -axis[:, 1])) for axis in (beams.axis, stored.axis))
    close((primary - before)[~early], 20.0, rtol=1e-9, because="left side up: the tube below him is more to his right")
    assert not np.array_equal(moved, session.stored.dose_mgy)


def test_sliders_stop_at_their_ends_and_have_whole_steps():
    assert Edits().moved(0, "left", 1e6).moves[0] == (200.0, 0.0, 0.0, 0.0)
    assert Edits().moved(0, "turn", -33.4).moves[0] == (0.0, 0.0, 0.0, -33.0)
    assert not Edits().moved(0, "left", 0.4).any()
    assert Edits().moved(3, "up", 5).moved(3, "up", 0) == Edits()


def test_one_drag_is_one_change_to_undo(session):
    for value in (1.0, 5.0, 20.0):
        session.move("left", value)
    session.rest()
    session.move("left", 30.0)
    session.rest()
    session.select(2)
    session.exclude("no")
    assert session.offset == (30.0, 0.0, 0.0, 0.0)
    session.undo()
    assert not session.edits.excluded
    session.undo()
    assert session.offset == (20.0, 0.0, 0.0, 0.0)
    session.undo()
    assert session.offset == NOWHERE
    session.undo()
    assert not session.unsaved
    session.preview()
    session.select(79)
    np.testing.assert_array_equal(session.dose_mgy(), session.stored.dose_mgy)


def test_a_full_map_of_what_is_changed_meanwhile_is_not_shown(session):
    session.move("left", 30.0)
    session.preview()
    session.start_full()
    session.move("left", 35.0)
    session.preview()
    assert not session.take_full(wait=True)
    assert session.shown.kind is Kind.PREVIEW
    assert session.needs_full


def test_without_any_event_there_is_no_dose(session, monkeypatch):
    monkeypatch.setattr(pipeline, "preview", lambda case: None)
    session.move("left", 3.0)
    session.preview()
    assert session.peak() is None
    assert not session.dose_mgy().any()
    assert session.headline() == "No dose on the skin"
    assert session.beam() is None


# --- Saving


def test_a_saved_correction_is_what_run_gives_and_the_old_result_stays(session, computed, place):
    before = contents(place)
    session.select(2)
    session.exclude("test shot")
    session.first = 40
    session.move("head", -25.0)
    fresh = session.save("B. Tester", "slid down")
    assert fresh.name == "demo.v2"
    assert fresh.parent == place.parent.resolve()
    assert contents(place) == before
    assert not session.unsaved
    options = {"move": ("41-:0,-25,0,0=slid down",), "exclude": "3=test shot"}
    wanted = clean(summary(computed(**options)))
    got = folder.read_facts(fresh)
    revises = got.pop("revises")
    wanted.pop("revises")
    got.pop("files")
    wanted.pop("files", None)
    assert got == wanted
    assert revises["folder"] == "demo"
    assert revises["sha256"] == state.hashlib.sha256(before["result.json"]).hexdigest()
    assert (revises["by"], revises["note"]) == ("B. Tester", "slid down")
    assert {change["note"] for change in got["user_changes"]} == {"slid down", "test shot"}


def test_versions_count_on(session, place, monkeypatch):
    monkeypatch.setattr(state.pipeline, "compute_case", lambda case, sampled=True: SimpleNamespace(case=case))
    monkeypatch.setattr(state.folder, "write_result", lambda result, path: (path / "result.json").write_text("{}"))
    session.move("left", 1.0)
    assert session.save("A", "b").name == "demo.v2"
    session.stored = replace(session.stored, path=place.parent / "demo.v2")
    session.move("left", 2.0)
    assert session.save("A", "b").name == "demo.v3"
    (place.parent / "demo.v7").mkdir()
    (place.parent / "demo.v9x").mkdir()
    session.stored = replace(session.stored, path=place)
    assert session.save("A", "b").name == "demo.v8"


@pytest.mark.parametrize(("by", "note"), [("", "why"), ("  ", "why"), ("A", "")])
def test_a_correction_has_name_and_reason(session, place, by, note):
    session.move("left", 1.0)
    with pytest.raises(SettingsError, match="name and reason"):
        session.save(by, note)
    assert [each.name for each in place.parent.iterdir()] == ["demo"]


def test_nothing_is_saved_where_nothing_is_changed(session, place):
    with pytest.raises(SettingsError, match="nothing is changed"):
        session.save("A", "b")
    assert [each.name for each in place.parent.iterdir()] == ["demo"]


def test_a_correction_that_cannot_be_written_leaves_nothing_behind(session, place, monkeypatch):
    def fails(result, path):
        raise OutputError("cannot write the result: no space left on the disk", path.name, "Free space.")

    monkeypatch.setattr(state.pipeline, "compute_case", lambda case, sampled=True: SimpleNamespace(case=case))
    monkeypatch.setattr(state.folder, "write_result", fails)
    session.move("left", 1.0)
    with pytest.raises(OutputError):
        session.save("A", "b")
    assert [each.name for each in place.parent.iterdir()] == ["demo"]
    assert session.unsaved


# --- Opening


def damage(place, what):
    if what == "no result":
        for path in place.iterdir():
            path.unlink()
    elif what == "incomplete":
        (place / "dosemap.vtp").unlink()
    elif what == "cut off":
        (place / "case.npz").write_bytes((place / "case.npz").read_bytes()[:1000])
    else:
        facts = json.loads((place / "result.json").read_bytes())
        (place / "result.json").write_text(json.dumps(facts | {"schema_version": "0.9"}))


@pytest.mark.parametrize("what", ["no result", "incomplete", "cut off", "older"])
def test_a_folder_that_is_no_whole_result_gives_one_clear_line(place, what):
    damage(place, what)
    with pytest.raises(InputError) as caught:
        Session.open(place)
    text = str(caught.value)
    assert text.startswith("demo: ")
    assert "\n" not in text
    assert caught.value.remedy
