"""The written profile: what it says, whom it is for, and that the whole program uses it as it was meant."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.commission import commission, form, profile, summary
from skindose.commission.marks import parse
from skindose.commission.profile import through_the_pipeline
from skindose.commission.toml import to_toml
from skindose.config import Settings
from skindose.errors import SkindoseError
from skindose.normalise import normalise, shipped
from skindose.normalise.profiles import parse as parse_profile
from tests.close import close
from tests.commission import machine as made_up
from tests.commission.machine import PLAN, Machine, Shot
from tests.commission.test_find import TODAY, judged, lands, read

MACHINE = Machine(
    names=("lateral", "height", "longitudinal"), signs=(1, -1, 1), zeros=(5.0, 1000.0, 300.0), secondary_sign=-1
)


def written(outcome):
    return parse_profile(outcome.profile_text("Dr A. Physicist", TODAY), "profile.toml")


def test_what_the_profile_says():
    outcome = judged(MACHINE, change={4: (0.0, 420.0, 0.0)})
    made = written(outcome)
    assert (made.status, made.date, made.name) == ("commissioned", TODAY, "generic-4711")
    assert made.table.sideways.items == ("table_lateral_position",)
    assert made.table.head_foot.items == ("table_longitudinal_position",)
    assert (made.table.height.sign, made.secondary_sign) == (-1, -1)
    session = made.commissioning
    assert (session.by, session.shots, session.left_out, session.inherits) == ("Dr A. Physicist", 11, (5,), "generic")
    assert session.report_sha256 == outcome.procedure.inputs[0].sha256
    assert 0.3 < session.rms_mm < 3.0
    assert "angles_relative_to" in session.inherited
    assert "inherited from generic (assumed)" in made.evidence
    assert made.distances == outcome.base.distances
    assert made.support == outcome.base.support


def test_a_reader_sees_what_is_determined():
    lines = judged(MACHINE).profile_text("X", TODAY).splitlines()
    (height,) = [line for line in lines if line.startswith("height = ")]
    (frame,) = [line for line in lines if line.startswith("angles_relative_to")]
    assert "# determined; standard error of the zero" in height
    assert "# not determined; inherited from generic" in frame


@pytest.mark.parametrize("each", shipped(), ids=lambda each: each.name)
def test_every_profile_can_be_written_and_read_back(each):
    assert parse_profile(to_toml(each, "head", {}), each.name) == each


def test_hostile_words_survive():
    odd = shipped()[0].model_copy(
        update={"title": 'a "b" \\ c\x7f \n d  e' + " long" * 50, "sources": ("it's \\d", "")}
    )
    assert parse_profile(to_toml(odd, "x", {}), "odd") == odd


def test_it_is_for_this_machine_alone(tmp_path):
    (tmp_path / "lab3.toml").write_text(judged(MACHINE).profile_text("X", TODAY))
    settings = Settings(profile_folder=tmp_path)
    case = made_up.report(MACHINE, [made_up.event(1, MACHINE, (0.0, -150.0, -400.0), Shot())], "case")
    for changed, name in (
        (case, "generic-4711"),
        (replace(case, extra_header=(("DeviceSerialNumber", "4712"),)), "generic"),
        (replace(case, extra_header=(("DeviceSerialNumber", ""),)), "generic"),
        (replace(case, model="Another"), "generic"),
        (replace(case, station="LAB 4"), "generic-4711"),
    ):
        assert normalise(read(changed), settings).machine.profile == name


def test_without_a_serial_number_the_station_counts_and_without_both_it_is_said(tmp_path):
    machine = replace(MACHINE, serial="")
    outcome = judged(machine)
    assert written(outcome).match.station == r"^\s*LAB 3\s*$"
    session = replace(made_up.session(machine, PLAN), station="")
    outcome = commission(read(session), parse(made_up.marks(PLAN), "m.csv"))
    assert any("neither serial number nor station" in warning for warning in summary(outcome)["warnings"])


def private(event, height_mm, isocentre_mm):
    """A maker that writes height above the floor, and the isocentre's, as items of its own."""
    scheme = "99PHI-IXR-XPER"
    items = (
        (("021", scheme, "height of the table"), height_mm, "mm"),
        (("001", scheme, "height of the isocentre"), isocentre_mm, "mm"),
    )
    return replace(event, table_height_position_mm=None, private=items)


def test_a_zero_that_the_file_holds_stays_and_gets_an_offset(tmp_path):
    machine = Machine(zeros=(4.0, 0.0, 250.0), signs=(1, -1, 1))

    def floor(described):
        """Table top 7 mm lower than the file's own zero says."""
        events = tuple(private(e, 1065.0 - 7.0 + e.table_height_position_mm, 1065.0) for e in described.events)
        return replace(described, events=events, manufacturer="Philips", model="Allura Clarity")

    outcome = commission(read(floor(made_up.session(machine, PLAN))), parse(made_up.marks(PLAN), "m.csv"))
    assert outcome.base.name == "philips_allura"
    height = written(outcome).table.height
    assert height.items == ("99PHI-IXR-XPER/021",)
    assert height.zero_items == ("99PHI-IXR-XPER/001",)
    close(height.offset_mm, -7.0, atol=2.5, because="four standard errors of the zero")
    path = tmp_path / "p.toml"
    path.write_text(outcome.profile_text("X", TODAY))
    case = floor(made_up.report(machine, [made_up.event(1, machine, (20.0, -170.0, -400.0), Shot())], "case"))
    events = normalise(read(case), Settings(profile=str(path)))
    close(events.table_height_position_mm, 170.0, atol=3.0, because="as above, and rounding")


def test_commissioning_again_starts_from_the_former_profile(tmp_path):
    (tmp_path / "old.toml").write_text(judged(replace(MACHINE, zeros=(50.0, 900.0, 0.0))).profile_text("X", TODAY))
    outcome = judged(MACHINE, settings=Settings(profile_folder=tmp_path))
    assert outcome.base.name == "generic-4711"
    again = written(outcome)
    assert (again.name, again.commissioning.inherits) == ("generic-4711", "generic-4711")
    assert len(again.evidence) < 1200, "the former evidence is not repeated"
    assert outcome.verdict.found.fit.hypothesis.table.axes == (0, 1, 2), "the former profile has swapped them already"
    assert lands(MACHINE, outcome, tmp_path, turned=False)[0] < 4.0


def test_a_run_sees_the_shots_as_the_fit_does():
    outcome = judged(MACHINE)
    text = outcome.profile_text("X", TODAY)
    seen = through_the_pipeline(outcome.procedure, text, outcome.shots, "hfs")
    fitted = np.linalg.norm(outcome.verdict.found.fit.residual_mm, axis=-1)
    close(seen, fitted, atol=0.1, because="zeros are written with one decimal")


def test_a_profile_that_a_run_would_understand_otherwise_is_never_written(monkeypatch):
    outcome, build = judged(MACHINE), profile.build
    monkeypatch.setattr(profile, "build", lambda *given: build(*given).model_copy(update={"secondary_sign": 1}))
    with pytest.raises(SkindoseError, match="elsewhere"):
        outcome.profile_text("X", TODAY)


def test_the_form_lists_the_acquisitions():
    procedure = judged(MACHINE).procedure
    lines = [line for line in form(procedure).splitlines() if not line.startswith("#")]
    assert len(lines) == 1 + len(PLAN)
    assert lines[3].startswith('3,,,,"08:02:00 angles 45/0')
    fluoroscopy = replace(made_up.session(MACHINE, PLAN[:2]))
    only = replace(fluoroscopy, events=tuple(replace(e, event_type="fluoroscopy") for e in fluoroscopy.events))
    assert "\nevent,marker" in form(read(only))
