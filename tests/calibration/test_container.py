"""The report's own Calibration container: shown without people's names, never multiplied."""

import pytest

from skindose import calibration, rdsr
from skindose.calibration.container import NOT_SHOWN
from skindose.model import Code, Header, Item, Procedure
from skindose.report.wording import calibration_words


def container(party, factor=1.2, uncertainty=5.0, date="20200513115438"):
    def item(name, **values):
        return Item(name, Code("", "", ""), **{"kind": "NUM", **values})

    own = item(
        "calibration",
        kind="CONTAINER",
        children=(
            item("calibration_factor", values=() if factor is None else (factor,), unit="1"),
            item("calibration_uncertainty", values=(uncertainty,), unit="%"),
            item("calibration_date_time", kind="DATETIME", text=date),
            item("calibration_responsible_party", kind="TEXT", text=party),
        ),
    )
    plane = item("acquisition_plane", kind="CODE", code=Code("113621", "DCM", "Plane B"))
    whole = item("accumulated_x_ray_dose_data", kind="CONTAINER", children=(plane, own))
    return Procedure((), Header(manufacturer="Made-up Medical"), (), (whole,), ())


def test_what_it_says():
    (found,) = calibration.reported(container("Made-up Service Ltd"))
    assert found == ("B", 1.2, 5.0, "2020-05-13", "Made-up Service Ltd")
    words = calibration_words({"status": "uncalibrated", "records": [], "reported": [found._asdict()]})
    assert words == (
        "uncalibrated; not applied: the report's own factor 1.2 +-5 % of 2020-05-13 by Made-up Service Ltd"
    )
    words = calibration_words({"status": "x", "records": [], "reported": [found._replace(factor=None)._asdict()]})
    assert words.startswith("x; not applied: the report's own calibration without a factor +-5 %")


@pytest.mark.parametrize("party", ["Doe^Jane", "Jane Doe", "J. Doe, MPE", "Doe^Made-up"])
def test_a_person_s_name_is_not_shown(party):
    (found,) = calibration.reported(container(party))
    assert found.responsible == NOT_SHOWN
    assert "Doe" not in str(found)


def test_nothing_in_it():
    (found,) = calibration.reported(container("", factor=None, date=""))
    assert found == ("B", None, 5.0, None, None)


@pytest.mark.shared
def test_real_files(rdsr_folder):
    found = {path.name: calibration.reported(rdsr.read(path)) for path in sorted(rdsr_folder.glob("*.dcm"))}
    assert [each.factor for name in found for each in found[name]].count(1.0) == 3
    assert found["siemens_axiom_artis.dcm"] == (("single", 1.0, 5.0, "2020-05-13", "Siemens"),)
    assert found["canon_alphenix_rotational.dcm"][0].responsible == "Canon Medical Systems Corp."
