"""Where the field's four edges fall on the skin: off-centre, asymmetric, rotated, circular, in every orientation."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, place
from skindose.geometry.frames import ORIENTATIONS
from skindose.kernel import cast
from tests import scenes
from tests.close import close

# PA on a flat back at y = 0, 600 mm from the focal spot: the reference plane itself, where the edges are given.
EDGES = {"field_u_min_mm": -100.0, "field_u_max_mm": 20.0, "field_v_min_mm": -30.0, "field_v_max_mm": 60.0}
CELL_MM = 4.0
WITHIN = "the edge lies within half a cell of 4 mm of the outermost cells' centroids"


def lit(settings=None, orientation="hfs", made_up=None, **row):
    """(cells, 2) x and z of the lit cells from the isocentre, in the patient frame: to his left, to his head."""
    row = {**EDGES, "table_height_position_mm": 190.0, **row}
    events = scenes.events(row, orientation=orientation, made_up=made_up)
    made = beams(
        events, place(events, scenes.lying_box(depth_mm=300.0), settings or Settings()), settings or Settings()
    )
    reach = 750.0 * made.axis[0] + made.source_mm[0]
    side = 300.0
    cells = round(side / CELL_MM)
    back = scenes.plate(side, made.source_mm[0, 1] - 600.0, cells, centre=(reach[0], reach[2]))
    body = scenes.phantom(*back)
    hits = cast(made, body)
    return (body.centroid_mm[hits.cell[hits.edge_mm > 0]] - reach)[:, [0, 2]]


def extent(points):
    return np.array([points[:, 0].min(), points[:, 0].max(), points[:, 1].min(), points[:, 1].max()])


@pytest.mark.parametrize("order", ["primary-secondary", "secondary-primary"])
@pytest.mark.parametrize("name", sorted(ORIENTATIONS))
def test_u_is_to_the_registered_patients_left_and_v_to_his_head(name, order):
    points = lit(orientation=name, made_up=scenes.machine(axis_order=order))
    close(extent(points), [-100.0, 20.0, -30.0, 60.0], atol=CELL_MM / 2, because=WITHIN)


def test_relative_to_the_gantry_u_and_v_are_those_of_a_patient_head_first_and_supine():
    """The edges are the stand's then: told FFS, the beam and its edges stay in the room, and he lies turned in it."""
    points = lit(orientation="ffs", made_up=scenes.machine(angles_relative_to="gantry"))
    close(extent(points), [-20.0, 100.0, -60.0, 30.0], atol=CELL_MM / 2, because=WITHIN)


def test_a_patient_who_lay_the_other_way_round_has_the_field_turned_on_him():
    """The machine was told HFS, he lay FFS: his left is where it took his right to be, his head where his feet."""
    points = lit(Settings(orientation="ffs"), orientation="hfs")
    close(extent(points), [-20.0, 100.0, -60.0, 30.0], atol=CELL_MM / 2, because=WITHIN)


@pytest.mark.parametrize("angle_deg", [-40.0, 25.0, 90.0])
def test_the_collimator_turns_the_field_from_u_towards_v(angle_deg):
    """A point at (x, z) is in the field where, turned back by the angle, it lies within the edges."""
    points = lit(field_rotation_deg=angle_deg)
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    back = points @ np.array([[c, -s], [s, c]])  # u = c x + s z, v = -s x + c z
    close(extent(back), [-100.0, 20.0, -30.0, 60.0], atol=CELL_MM, because="corners of the field fall between cells")
    close(8 * len(points), 120 * 90, rtol=0.03, because="cells of 8 mm2; those at the edge are in or out")


def test_a_circular_field_is_the_ellipse_inscribed_in_its_edges():
    points = lit(field_shape="circle")
    inside = np.hypot((points[:, 0] + 40.0) / 60.0, (points[:, 1] - 15.0) / 45.0)
    assert inside.max() <= 1.0
    close(8 * len(points), np.pi * 60 * 45, rtol=0.03, because="cells of 8 mm2; those at the edge are in or out")


def test_a_tilted_beam_keeps_its_edges_on_their_sides():
    """CRA 25 with the field open towards his head alone: nothing is lit on the feet's side of the central ray."""
    row = {"positioner_secondary_angle_deg": 25.0, "field_v_min_mm": 0.0, "table_height_position_mm": 190.0}
    events = scenes.events({**EDGES, **row}, orientation="hfs")
    made = beams(events, place(events, scenes.lying_box(depth_mm=300.0), Settings()), Settings())
    entry = made.source_mm[0] + made.axis[0] * (made.source_mm[0, 1] / -made.axis[0, 1])
    body = scenes.phantom(*scenes.plate(400.0, 0.0, 100, centre=(entry[0], entry[2])))
    hits = cast(made, body)
    z = body.centroid_mm[hits.cell[hits.edge_mm > 0], 2] - entry[2]
    assert z.min() > 0.0
    assert z.max() > 60.0
