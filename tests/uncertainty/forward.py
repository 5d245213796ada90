"""Procedures simulated forwards: the truth first, then the report that a machine with its errors would write of it.

Shares no code with what it judges: its own random numbers, frames, fields, inverse square, factors and search for the
peak, all in the plainest numpy. Shared are the body's mesh and landmarks, the published numbers (retyped here:
Benmakhlouf 2013's backscatter, half-value layers and medium ratios), the table's perpendicular transmission, one number
per shot, and the writer of synthetic reports.
"""

from dataclasses import dataclass, field

import numpy as np

from skindose.rdsr.write import HEART, WrittenEvent, WrittenProcedure

# Benmakhlouf 2013, eq. 8: rows c0 ... c8, columns 5, 10, 20, 25, 35 cm.
FIT = np.array(
    [
        [1.00870, 0.929969, 0.865442, 0.858665, 0.857065],
        [2.35816e-3, 4.08549e-3, 5.36739e-3, 5.51579e-3, 5.55933e-3],
        [-9.48937e-6, -1.66271e-5, -2.21494e-5, -2.27532e-5, -2.28004e-5],
        [0.103143, 0.153605, 0.172418, 0.170826, 0.166418],
        [-1.04881e-3, -1.45187e-3, -1.46088e-3, -1.38540e-3, -1.28180e-3],
        [3.59731e-6, 5.05312e-6, 5.17430e-6, 4.91192e-6, 4.53036e-6],
        [-7.31303e-3, -9.32427e-3, -8.30138e-3, -7.64330e-3, -6.81574e-3],
        [7.93272e-5, 9.40568e-5, 7.13576e-5, 6.13126e-5, 4.94197e-5],
        [-2.74296e-7, -3.28449e-7, -2.54885e-7, -2.21399e-7, -1.79074e-7],
    ]
)
FIT_CM = np.array([5.0, 10.0, 20.0, 25.0, 35.0])
KVP = np.array([60.0, 80.0, 100.0, 120.0])
HVL = {0.1: [3.336, 4.432, 5.499, 6.465], 0.3: [4.719, 6.300, 7.605, 8.641], 0.6: [5.792, 7.733, 9.137, 10.191]}
# Water to air at the skin, 2.5 mm Al inherent.
MEDIUM = {0.1: [1.020, 1.027, 1.034, 1.040], 0.3: [1.026, 1.036, 1.045, 1.050], 0.6: [1.030, 1.041, 1.050, 1.055]}
PAD_MM = 40.0
HALF_WIDTH_MM = 225.0
REACH_MM = 60.0  # scatter is followed so far outside the field
ISOCENTRE_MM, DETECTOR_MM, REFERENCE_MM = 750.0, 1050.0, 600.0  # from the focal spot


@dataclass(frozen=True)
class Shot:
    """One projection as it truly was and as the machine reports it; lengths in mm, angles in degrees."""

    primary: float
    secondary: float
    kvp: float
    copper: float
    side: float
    kerma: float  # true, mGy
    plane: str = "single"
    table: float = 1.0  # transmission of a perpendicular ray by the program's own table, forward scatter included
    longitudinal: float = 0.0
    lateral: float = 400.0
    height: float = 150.0


@dataclass(frozen=True)
class Errors:
    """The truth over what the program must believe; all 1 or 0 where nothing is wrong.

    display       plane -> displayed air kerma over the true one, 1 where left out
    loss          ln T is multiplied by this
    scatter, medium
    isocentre     left, down, head in mm: where the isocentre truly lies from where the program puts it
    """

    display: dict = field(default_factory=dict)
    loss: float = 1.0
    scatter: float = 1.0
    medium: float = 1.0
    isocentre: tuple = (0.0, 0.0, 0.0)


# --- The truth


def true_peak_mgy(shots, errors, body, placed):
    """The highest mean over 1 cm2 of skin.

    placed    "table": sideways and height come from the table, head-foot is put at the heart; "anatomy": all axes are
    """
    dose = np.zeros(len(body.area_mm2))
    middle = isocentres(shots, errors, body, placed) + np.array(errors.isocentre)
    for shot, isocentre in zip(shots, middle, strict=True):
        dose += one_shot(shot, isocentre, errors, body)
    return highest(dose, body)


def isocentres(shots, errors, body, placed):
    """Where the program must put the isocentre of each shot, patient frame: crown, back and mid-line are 0."""
    table = np.array([[-shot.longitudinal, -shot.height + PAD_MM, -shot.lateral] for shot in shots])
    shown = np.array([shot.kerma * errors.display.get(shot.plane, 1.0) for shot in shots])
    heart = np.array(body.landmarks_mm["heart"])
    moved = heart - (shown[:, None] * table).sum(axis=0) / shown.sum()
    return table + (moved if placed == "anatomy" else moved * [0.0, 0.0, 1.0])


def one_shot(shot, isocentre, errors, body):
    """(cells,) dose of one shot; a body without shadows, which holds for these."""
    a, b = np.radians([shot.primary, shot.secondary])
    ray = np.array([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)])
    across = np.array([np.cos(a), np.sin(a), 0.0])
    along = np.array([-np.sin(a) * np.sin(b), np.cos(a) * np.sin(b), np.cos(b)])
    away = body.centroid_mm - (isocentre - ISOCENTRE_MM * ray)
    depth = away @ ray
    distance = np.linalg.norm(away, axis=1)
    facing = (body.normal * away).sum(axis=1) < 0
    half = 0.5 * shot.side / REFERENCE_MM * depth
    u, v = away @ across, away @ along
    near = facing & (depth > 0) & (np.maximum(np.abs(u), np.abs(v)) < half + REACH_MM)
    where, distance, away, half, u, v = (part[near] for part in (np.arange(len(near)), distance, away, half, u, v))
    free = shot.kerma * (REFERENCE_MM / distance) ** 2 * transmission(shot, away, body.centroid_mm[where], errors)
    lit = (np.abs(u) < half) & (np.abs(v) < half)
    dose = np.zeros(len(near))
    dose[where] = free * (lit + scattered(shot, half, u, v)) * errors.scatter * at(MEDIUM, shot) * errors.medium
    return dose


def scattered(shot, half, u, v):
    """Scatter over primary at a place in or beside a square field.

    A quarter of that of each of the four rectangles that have the place at their corner, mirrored to stand around it;
    what lies beyond the field is taken off.
    """
    total = 0.0
    for width in (half - u, half + u):
        for height in (half - v, half + v):
            w, h = 2.0 * np.abs(width), 2.0 * np.abs(height)
            side_cm = 2.0 * w * h / np.maximum(w + h, 1e-9) / 10.0
            total = total + 0.25 * np.sign(width * height) * (backscatter(shot, side_cm) - 1.0)
    return np.maximum(total, 0.0)


def at(table, shot):
    return float(np.interp(shot.kvp, KVP, table[shot.copper]))


def backscatter(shot, side_cm):
    """On the axis of a square field; below 5 cm its excess goes with the side to the power 0.8."""
    hvl = at(HVL, shot)
    terms = np.array([shot.kvp**j * hvl**i for i in range(3) for j in range(3)])
    fitted = np.interp(np.log(np.maximum(side_cm, 5.0)), np.log(FIT_CM), terms @ FIT)
    return 1.0 + (fitted - 1.0) * np.minimum(side_cm / 5.0, 1.0) ** 0.8


def transmission(shot, away, skin, errors):
    """Of rays that come up through table and pad; those that pass beside or come from above lose nothing."""
    length = np.linalg.norm(away, axis=1)
    cosine = np.abs(away[:, 1]) / length
    upwards = away[:, 1] < 0
    # The table top lies one pad below the back, which is at y = 0.
    back = (PAD_MM - skin[:, 1]) / np.where(upwards, -away[:, 1], 1.0)
    inside = upwards & (np.abs(skin[:, 0] - back * away[:, 0]) < HALF_WIDTH_MM) & (back < 1.0)
    return np.where(inside, np.exp(np.log(shot.table) * errors.loss / cosine), 1.0)


def highest(dose, body):
    """The highest mean over all skin within 5.64 mm of a cell: 1 cm2, for the 200 cells with the highest dose."""
    best = 0.0
    near = np.flatnonzero(dose > 0.5 * dose.max())
    for cell in near[np.argsort(-dose[near])[:200]]:
        gap = np.linalg.norm(body.centroid_mm[near] - body.centroid_mm[cell], axis=1)
        own = near[gap < 5.64 + 2.0]
        share = body.area_mm2[own] * np.clip((5.64 + 2.0 - gap[gap < 5.64 + 2.0]) / 4.0, 0.0, 1.0)
        best = max(best, float((share * dose[own]).sum() / share.sum()))
    return best


# --- The report


def report(shots, errors, number):
    """What the machine writes: its own air kerma and KAP, all else as it was."""
    events = []
    for count, shot in enumerate(shots):
        shown = shot.kerma * errors.display.get(shot.plane, 1.0)
        events.append(
            WrittenEvent(
                air_kerma_rp_mgy=shown,
                kap_gycm2=shown / 1000.0 * (shot.side / 10.0) ** 2,
                event_type="stationary acquisition",
                plane=shot.plane,
                started=f"2026010108{count // 60:02d}{count % 60:02d}",
                target_region=HEART,
                filters_mm=(("copper", shot.copper),),
                positioner_primary_angle_deg=shot.primary,
                positioner_secondary_angle_deg=shot.secondary,
                collimated_field_area_mm2=(shot.side * DETECTOR_MM / REFERENCE_MM) ** 2,
                collimated_field_height_mm=shot.side * DETECTOR_MM / REFERENCE_MM,
                collimated_field_width_mm=shot.side * DETECTOR_MM / REFERENCE_MM,
                kvp_kv=shot.kvp,
                distance_source_to_isocenter_mm=ISOCENTRE_MM,
                distance_source_to_reference_point_mm=REFERENCE_MM,
                distance_source_to_detector_mm=DETECTOR_MM,
                table_longitudinal_position_mm=shot.longitudinal,
                table_lateral_position_mm=shot.lateral,
                table_height_position_mm=shot.height,
                table_head_tilt_angle_deg=0.0,
                table_horizontal_rotation_angle_deg=0.0,
                table_cradle_tilt_angle_deg=0.0,
            )
        )
    return WrittenProcedure(
        events=tuple(events),
        manufacturer="Siemens",
        model="AXIOM-Artis",
        station="LAB 1",
        height_cm=178.6,
        weight_kg=73.2,
        sex="M",
        age="050Y",
        seed=f"forward {number}",
    )
