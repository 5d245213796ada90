"""A small whole Result, made by hand: a box for a body, three events, known doses. No stage of the program runs."""

from dataclasses import fields, replace

import numpy as np

from skindose import triggers
from skindose.calibration import uncalibrated
from skindose.case import Case
from skindose.config import Settings
from skindose.dose import find_peak
from skindose.model import (
    Beams,
    DoseMap,
    Events,
    Finding,
    Findings,
    Header,
    Hits,
    InputFile,
    Layer,
    Machine,
    Patient,
    Phantom,
    Placement,
    Procedure,
    Result,
    Status,
    Totals,
)

FLOAT_COLUMNS = [field.name for field in fields(Events) if field.type == "FloatArray"]


def box(size_mm=(300.0, 200.0, 600.0), steps=(6, 4, 12)):
    """Vertices and outward triangles of a box with its upper face at z = 0 and its back at y = 0."""
    index, vertices, triangles = {}, [], []

    def vertex(key):
        if key not in index:
            index[key] = len(vertices)
            share = [key[axis] / steps[axis] for axis in range(3)]
            vertices.append([size_mm[0] * (share[0] - 0.5), size_mm[1] * (share[1] - 1), size_mm[2] * (share[2] - 1)])
        return index[key]

    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for end in (0, steps[axis]):
            for i in range(steps[a]):
                for j in range(steps[b]):
                    keys = []
                    for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1)):
                        key = [0, 0, 0]
                        key[axis], key[a], key[b] = end, i + di, j + dj
                        keys.append(vertex(tuple(key)))
                    corners = keys if end else keys[::-1]
                    triangles += [corners[:3], [corners[0], corners[2], corners[3]]]
    return np.array(vertices), np.array(triangles, dtype=np.int32)


def neighbours_of(triangles):
    """The cell across each edge."""
    across, result = {}, np.full((len(triangles), 3), -1, dtype=np.int32)
    for cell, corners in enumerate(triangles.tolist()):
        for edge in range(3):
            across[corners[edge], corners[(edge + 1) % 3]] = (cell, edge)
    for (start, end), (cell, edge) in across.items():
        result[cell, edge] = across[end, start][0]
    return result


def make_phantom(steps=(6, 4, 12)):
    vertices, triangles = box(steps=steps)
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    normal /= length[:, None]
    centroid = corners.mean(axis=1)
    region = np.where(normal[:, 1] > 0.5, np.where(centroid[:, 0] > 0, 1, 2), 0).astype(np.uint8)
    return Phantom(
        name="box",
        vertices_mm=vertices,
        triangles=triangles,
        centroid_mm=centroid,
        normal=normal,
        area_mm2=length / 2,
        neighbours=neighbours_of(triangles),
        region=region,
        region_names=("trunk", "posterior thorax, left", "posterior thorax, right"),
        landmarks_mm={"trunk": (0.0, -100.0, -300.0)},
        parameters={"height_cm": 178.6, "weight_kg": np.float64(73.2), "sex": "male"},
        stature_mm=1786.0,
    )


def make_machine(status="assumed"):
    pad = Layer("pad", "polyurethane foam", -40.0, 40.0, 225.0, 2000.0)
    return Machine(
        profile="generic",
        profile_status=status,
        has_table=True,
        height_zero_known=True,
        lateral_zero_known=False,
        longitudinal_zero_known=True,
        angles_relative_to="patient",
        axis_order="primary-secondary",
        inherent_filtration_mmal=2.5,
        anode_angle_deg=10.0,
        detector_side_mm=300.0,
        support=(pad,),
        transmission="",
    )


def make_events(**changes):
    """Three events: PA, LAO 30, and one without geometry that is not mapped."""
    columns = {name: np.full(3, 1.0) for name in FLOAT_COLUMNS}
    columns |= {
        "air_kerma_rp_mgy": np.array([3000.0, 1500.0, 2.0]),
        "kap_gycm2": np.array([210.0, 105.0, np.nan]),
        "irradiation_duration_s": np.array([800.0, 400.0, 1.0]),
        "kvp_kv": np.array([81.25, 90.0, np.nan]),
        "filter_cu_mm": np.array([0.1, 0.3, 0.0]),
        "positioner_primary_angle_deg": np.array([0.0, 30.0, np.nan]),
        "positioner_secondary_angle_deg": np.array([0.0, -12.5, np.nan]),
        "distance_source_to_isocenter_mm": np.full(3, 750.0),
        "distance_source_to_detector_mm": np.full(3, 1050.0),
        "field_u_min_mm": np.full(3, -40.0),
        "field_u_max_mm": np.full(3, 40.0),
        "field_v_min_mm": np.full(3, -45.0),
        "field_v_max_mm": np.full(3, 45.0),
    }
    statuses = [Status.REPORTED, Status.DERIVED, Status.ASSUMED]
    status = {name: np.array(statuses, dtype=np.uint8) for name in FLOAT_COLUMNS}
    status["kvp_kv"] = np.array([Status.REPORTED, Status.ASSUMED, Status.MISSING], dtype=np.uint8)
    values = {
        "machine": make_machine(),
        "totals": (Totals("together", 4500.0, 320.0, 1201.0),),
        "region": "trunk",
        "region_status": Status.ASSUMED,
        "region_reason": "no text names a region",
        "registered_orientation": "hfs",
        "uid": ("1.2.3.1", "1.2.3.2", "1.2.3.3"),
        "started": ("2020-02-03T10:11:12", "2020-02-03T10:31:12.5", ""),
        "plane": ("A", "B", "single"),
        "event_type": ("fluoroscopy", "stationary acquisition", "rotational acquisition"),
        "protocol": ("Coro low", "Coro 15 fps", ""),
        "field_shape": ("rectangle", "rectangle", "circle"),
        "mapped": np.array([True, True, False]),
        "unmapped_reason": ("", "", "no geometry"),
        "status": status,
        **columns,
    }
    return Events(**{**values, **changes})


def make_beams():
    """Event 0: one beam from behind. Event 1: two sub-events of equal weight from the left."""
    axis = np.array([[0.0, -1.0, 0.0], [0.5, -np.sqrt(0.75), 0.0], [0.6, -0.8, 0.0]])
    u = np.array([[1.0, 0.0, 0.0], [np.sqrt(0.75), 0.5, 0.0], [0.8, 0.6, 0.0]])
    isocenter = np.array([0.0, -100.0, -300.0])
    return Beams(
        event=np.array([0, 1, 1], dtype=np.int32),
        weight=np.array([1.0, 0.5, 0.5]),
        source_mm=isocenter - 750.0 * axis,
        axis=axis,
        u=u,
        v=np.tile([0.0, 0.0, 1.0], (3, 1)),
        field_mm=np.tile([-40.0, 40.0, -45.0, 45.0], (3, 1)),
        circular=np.zeros(3, dtype=bool),
        reference_distance_mm=np.full(3, 600.0),
        air_kerma_rp_mgy=np.array([3000.0, 750.0, 750.0]),
        table_rotation=np.tile(np.eye(3), (3, 1, 1)),
        table_origin_mm=np.tile([0.0, -40.0, 0.0], (3, 1)),
        support_mm=np.array([[-225.0, 225.0, -40.0, 0.0, -2000.0, 0.0]]),
        support=make_machine().support,
    )


def make_dose(phantom):
    """Hits of the three beams on the back near z = -300, and the map they make."""
    back = phantom.normal[:, 1] > 0.5
    near = [
        np.flatnonzero(back & (np.abs(phantom.centroid_mm - [x, 0, -300])[:, [0, 2]].max(axis=1) < 60))
        for x in (20, 50, 60)
    ]
    cell = np.concatenate(near).astype(np.int32)
    start = np.cumsum([0, *map(len, near)])
    dose = np.repeat([3600.0, 450.0, 450.0], np.diff(start)) * (1 - np.abs(phantom.centroid_mm[cell, 2] + 300) / 300)
    pure = np.ones(len(cell))
    hits = Hits(start, cell, 650 * pure, pure, 0 * pure, 0 * pure, 30 * pure, pure, pure[:, None], pure.astype(bool))
    total = np.bincount(cell, weights=dose, minlength=len(back))
    peak = find_peak(total, phantom)
    each = np.ones(len(near))
    return hits, DoseMap(total, 0.2 * total, start, cell, dose, each, 650 * each, peak)


def make_findings():
    first = Finding(
        rule="ncrp-168.substantial",
        kind="trigger",
        quantity="psd",
        value=3.9,
        level=3.0,
        unit="Gy",
        fired=True,
        probability=0.97,
        source="Stecker 2009",
        provenance="recalled",
        what_follows="follow-up of the patient",
    )
    calm = replace(first, quantity="kap", value=320.0, level=500.0, unit="Gy.cm2", fired=False, probability=0.0)
    open_ = replace(first, quantity="ft", value=None, level=60.0, unit="min", fired=None, probability=None)
    return Findings("ncrp-168", "", (first, calm, replace(open_, reason="the file has no fluoroscopy time")))


def make_totals(mapped=2):
    both = {"together": {"reported": 4600.0, "summed": 4502.0}}
    return {
        "air_kerma_mgy": both | {"A": {"reported": None, "summed": 3000.0}, "B": {"reported": None, "summed": 1500.0}},
        "kap_gycm2": {"together": {"reported": 320.0, "summed": 315.0}},
        "fluoro_time_s": {"together": {"reported": float("nan"), "summed": 1201.0}},
        "events": 3,
        "events_mapped": mapped,
        "air_kerma_mapped_fraction": 0.99955 if mapped else 0.0,
        "kap_on_patient_fraction": 0.93 if mapped else None,
    }


def make_procedure(inputs=1, description="Coronary angiography"):
    files = tuple(InputFile(f"case{k}.dcm", f"{k:064x}", f"1.2.3.{k}") for k in range(inputs))
    header = Header(
        study_instance_uid="1.2.840.1",
        study_date="2020-02-03",
        description=description,
        station="LAB2",
        manufacturer="Maker",
        model="Angio 1",
        software="VC1",
        patient=Patient(height_cm=178.0, weight_kg=81.0, sex="male"),
    )
    return Procedure(files, header, (), (), ())


def make_case(phantom, **changes):
    procedure, events = make_procedure(), make_events()
    known, rules = uncalibrated(len(events)), triggers.load("ncrp-168")
    return replace(Case(procedure, events, Settings(), (), known, rules, phantom), **changes)


def make_result(phantom=None, **changes):
    """A mapped result; keyword arguments replace its fields."""
    phantom = phantom or make_phantom()
    hits, dosemap = make_dose(phantom)
    placement = Placement(
        rotation=np.eye(3),
        origin_mm=np.array([1.0 / 3, -40.0, -1e-17]),
        isocentre_shift_mm=np.array([0.0, 0.0, 120.0]),
        orientation_registered="hfs",
        orientation_actual="hfs",
        axes={"left": "table: zero known", "head": "anatomy: no commissioned zero", "up": "table: on the pad"},
        region="trunk",
    )
    case = make_case(phantom)
    result = Result(
        case=case,
        procedure=case.procedure,
        events=case.events,
        phantom=phantom,
        settings=case.settings,
        findings=make_findings(),
        totals=make_totals(),
        placement=placement,
        beams=make_beams(),
        hits=hits,
        dosemap=dosemap,
        peak_interval_mgy=(2600.0, 5500.0),
        assumptions=("body region: middle of the trunk, assumed", "weight from the file"),
        warnings=("reported and summed air kerma differ by 2 %",),
    )
    return replace(result, **changes)


def make_mapless(**changes):
    """A result with totals only."""
    nothing = dict.fromkeys(("placement", "beams", "hits", "dosemap", "peak_interval_mgy"))
    events = make_events(mapped=np.zeros(3, dtype=bool), unmapped_reason=("no geometry",) * 3)
    fields_ = {"events": events, "totals": make_totals(mapped=0), "no_map_reason": "no event has air kerma"}
    return make_result(**{**nothing, **fields_, "peak_upper_bound_mgy": 9000.0, **changes})
