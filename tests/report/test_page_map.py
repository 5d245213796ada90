"""What the page's map is drawn from: the same body and doses as the result, and the dose after each event."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from skindose.report.page_map import map_legend, map_payload
from tests.close import close
from tests.report.factory import make_mapless, make_phantom, make_result


def inflated(text):
    return zlib.decompress(base64.b64decode(text), -15)


def unpacked(text, dtype):
    """As page_data.js reads an array."""
    size = np.dtype(dtype).itemsize
    return np.frombuffer(inflated(text), np.uint8).reshape(size, -1).T.copy().view(dtype).ravel()


def shares_so_far(told):
    """(events, cells) the share of its final dose that each cell of the history has after each event."""
    count, events = told["count"], len(told["highest_mgy"])
    start = unpacked(told["start"], "<u2").astype(int)
    planes = np.frombuffer(inflated(told["falls"]), np.uint8).reshape(events, 2, count).astype(int)
    level = start - np.cumsum(planes[:, 0] + 256 * planes[:, 1], axis=0)
    return np.where(level < start, np.exp(-told["log_step"] * level), 0.0)


@pytest.fixture(scope="module")
def result():
    return make_result(phantom=make_phantom(steps=(12, 8, 24)))


@pytest.fixture(scope="module")
def tree(result):
    return json.loads(map_payload(result))


def test_holds_the_body(result, tree):
    places = unpacked(tree["places"], "<u2").reshape(3, -1).T
    vertices = np.array(tree["low_mm"]) + tree["step_mm"] * places
    assert np.abs(vertices - result.phantom.vertices_mm).max() < 0.05  # the limit for 16 bits
    corners = np.cumsum(unpacked(tree["triangles"], f"<{tree['index']}"), dtype=f"<{tree['index']}")
    np.testing.assert_array_equal(corners.reshape(-1, 3), result.phantom.triangles)
    np.testing.assert_array_equal(unpacked(tree["region"], "u1"), result.phantom.region)


def test_holds_the_dose_and_its_uncertainty(result, tree):
    got, want = unpacked(tree["dose_mgy"], "<f4"), result.dosemap.dose_mgy
    close(got, want, rtol=1.0 / (1 << 16), because="of the 24 bits of a number's fraction 16 are kept, rounded")
    code = unpacked(tree["spread"], "<u2").astype(float)
    ratio = np.where(code > 0, np.exp((code - tree["spread_zero"]) / tree["spread_steps"]), 0.0)
    got, want = ratio * result.dosemap.dose_mgy, result.dosemap.uncertainty_mgy
    close(got, want, rtol=0.0006, because="the ratio is kept in steps of 0.1 %, rounded")


def test_a_body_of_many_vertices_has_longer_indices(result):
    phantom = result.phantom
    spare = np.zeros((1 << 16, 3)) + phantom.vertices_mm[0]
    larger = replace(phantom, vertices_mm=np.vstack([phantom.vertices_mm, spare]))
    tree = json.loads(map_payload(replace(result, phantom=larger)))
    assert tree["index"] == "u4"
    corners = np.cumsum(unpacked(tree["triangles"], "<u4"), dtype="<u4")
    np.testing.assert_array_equal(corners.reshape(-1, 3), phantom.triangles)


def test_the_history_is_within_half_a_percent_after_every_event(result, tree):
    told, dosemap = tree["so_far"], result.dosemap
    cells = np.cumsum(unpacked(told["cells"], "<u4"))
    shares, least = shares_so_far(told), told["below_mgy"][0]
    assert len(shares) == len(result.events)
    for event in range(len(result.events)):
        hits = result.beams.event[np.repeat(np.arange(len(result.beams)), np.diff(dosemap.beam_start))] <= event
        want = np.bincount(dosemap.cell[hits], dosemap.hit_dose_mgy[hits], len(dosemap.dose_mgy))
        got = np.zeros_like(want)
        got[cells] = dosemap.dose_mgy[cells] * shares[event]
        some = want > 1.01 * least
        close(got[some], want[some], rtol=0.0051, because="shares are kept in steps of 1 %, rounded")
        assert got[~some].max(initial=0.0) <= 1.02 * least
        close(told["highest_mgy"][event], want.max(), rtol=1e-4, because="five digits are written")
    close(shares[-1], 1.0, rtol=1e-12, because="after the last event the share is the whole")
    close(told["at_peak_mgy"][-1], dosemap.peak.skin_dose_mgy, rtol=1e-4, because="five digits are written")


def test_the_first_event_alone_is_told(result, tree):
    """Its field does not cover the cells that only the second event meets."""
    shares = shares_so_far(tree["so_far"])
    assert (shares[0] == 0.0).any()
    assert (shares[0] > 0.9).any()
    assert (shares[0] < shares[1]).any()
    np.testing.assert_array_equal(shares[1], shares[2])  # the third event is not in the map


def test_beams_end_at_the_detector(result, tree):
    points = unpacked(tree["beams"]["points_mm"], "<f4").reshape(-1, 5, 3)
    assert tree["beams"]["event"] == result.beams.event.tolist()
    np.testing.assert_allclose(points[:, 0], result.beams.source_mm, atol=1e-3)
    reach = ((points[:, 1:] - points[:, :1]) * result.beams.axis[:, None]).sum(axis=2)
    want = result.events.distance_source_to_detector_mm[result.beams.event]
    close(reach, np.repeat(want[:, None], 4, axis=1), rtol=1e-5, because="numbers of four bytes")


def test_of_a_run_in_many_pieces_three_beams_are_drawn(result):
    beams = result.beams
    many = np.concatenate([[0], np.full(9, 1)])
    pieces = replace(
        beams,
        **{
            name: getattr(beams, name)[many]
            for name in (
                "weight",
                "source_mm",
                "axis",
                "u",
                "v",
                "field_mm",
                "circular",
                "reference_distance_mm",
                "air_kerma_rp_mgy",
                "table_rotation",
                "table_origin_mm",
            )
        },
        event=np.array([0] + [1] * 9, dtype=np.int32),
    )
    start = np.concatenate([result.dosemap.beam_start[:2], np.full(9, result.dosemap.beam_start[-1])])
    tree = json.loads(map_payload(replace(result, beams=pieces, dosemap=replace(result.dosemap, beam_start=start))))
    assert tree["beams"]["event"] == [0, 1, 1, 1]


def test_lines_are_the_scenes(result, tree):
    legend = map_legend(result)
    assert (
        [level["label"] for level in legend["levels"]]
        == [level["label"] for level in tree["levels"]]
        == ["2 Gy", "3 Gy"]
    )
    assert map_legend(make_mapless())["levels"] == []


def test_without_dose_there_is_no_history(result):
    empty = replace(result.dosemap, dose_mgy=np.zeros_like(result.dosemap.dose_mgy), peak=None)
    tree = json.loads(map_payload(replace(result, dosemap=empty)))
    assert tree["so_far"] is None
    assert tree["levels"] == []
