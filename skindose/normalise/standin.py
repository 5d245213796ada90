"""How far off a value may be that stands in for a missing one: its standard uncertainty, per column."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

# Standard uncertainty of a stand-in of which the file itself tells nothing: the spread over procedures and machines as
# far as the sample reports and makers' ranges show it, rounded.
DEFAULT: dict[str, float] = {
    "kvp_kv": 15.0,  # 60 to 120 kV are usual, most events within 65 to 95
    "filter_al_mm": 1.0,
    "filter_cu_mm": 0.2,  # 0 to 0.9 mm in steps
    "positioner_primary_angle_deg": 30.0,
    "positioner_secondary_angle_deg": 20.0,
    "positioner_primary_end_angle_deg": 15.0,  # an arc of the profile
    "positioner_secondary_end_angle_deg": 15.0,
    "distance_source_to_isocenter_mm": 25.0,  # 720 to 810 mm among C-arms
    "distance_source_to_detector_mm": 75.0,  # 900 to 1200 mm
    "distance_source_to_reference_point_mm": 15.0,
    "table_longitudinal_position_mm": 30.0,
    "table_lateral_position_mm": 60.0,
    "table_height_position_mm": 20.0,
    "table_head_tilt_angle_deg": 2.0,
    "table_horizontal_rotation_angle_deg": 2.0,
    "table_cradle_tilt_angle_deg": 2.0,
    "field_rotation_deg": 3.0,
}
OTHER_FILTER_MM = 0.05  # of a filter of another material than aluminium or copper
MIDDLE_MM = 50.0  # of the patient's middle from the reference point, where the stand has no isocentre
ZERO_MM = 50.0  # of a table's zero, where the item that holds it is missing
SQUARE = 0.12  # relative, of a side where a square stands in for an unknown shape: aspects of 0.6 to 1.6
USUAL_FIELD = 0.25  # relative, of a side: fields of one procedure lie within a factor 2 in area of their median
WHOLE_DETECTOR = 0.3  # relative, of a side: rectangular between 0 and the detector's, which is the upper end
REPORTED_AREA = 0.12  # relative, of air kerma from KAP / reported area: within 20 %, rectangular
USUAL_AREA = 0.4  # relative, of air kerma from KAP / usual area: within a factor 2


def default_spread(column: str) -> float:
    """The standard uncertainty of a stand-in where no other event tells more."""
    return DEFAULT.get(column, OTHER_FILTER_MM)


def pooled(default: float, deviations: Iterable[float]) -> float:
    """Standard uncertainty from the deviations of like values, the default counting as one of them.

        s = sqrt((default^2 + sum of d^2) / (1 + n))

    So one like event halves little, and a hundred equal ones leave a tenth of the default.

    >>> pooled(20.0, [0.0, 0.0, 0.0])
    10.0
    """
    squares = np.square(list(deviations))
    return float(np.sqrt((default**2 + squares.sum()) / (1 + len(squares))))


def plus_minus(value: float, spread: float, unit: str) -> str:
    """A stand-in in words.

    >>> plus_minus(80.0, 14.96, "kV")
    '80 kV +- 15 kV'
    """
    return f"{value:.4g} {unit} {within(spread, unit)}"


def within(spread: float, unit: str) -> str:
    """An uncertainty in words: "+- 15 kV".

    >>> within(112.3, "mm")
    '+- 112 mm'
    """
    return f"+- {spread:.0f} {unit}" if spread >= 99.5 else f"+- {spread:.2g} {unit}"
