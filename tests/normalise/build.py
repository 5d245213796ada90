"""Item trees as a reader would make them: small builders for tests."""

from __future__ import annotations

from skindose.model import Code, Header, Item, Procedure

UNITS = {
    "dose_rp": "Gy",
    "dose_area_product": "Gy.m2",
    "kvp": "kV",
    "collimated_field_area": "m2",
    "number_of_pulses": "1",
    "pulse_rate": "{pulse}/s",
    "irradiation_duration": "s",
    "dose_rp_total": "Gy",
    "dose_area_product_total": "Gy.m2",
    "total_fluoro_time": "s",
    "calibration_factor": "1",
}
SUPINE, PRONE = Code("F-10340", "SRT", "supine"), Code("1240000", "SCT", "prone")
HEAD_FIRST, FEET_FIRST = Code("F-10470", "SRT", "headfirst"), Code("102541007", "SCT", "feet-first")
COPPER, ALUMINIUM = Code("C-127F9", "SRT", "Copper"), Code("12503006", "SCT", "Aluminum")
MOLYBDENUM = Code("C-150F9", "SRT", "Molybdenum")
NO_FILTER = Code("111609", "DCM", "No filter")
FLUOROSCOPY, ROTATIONAL = Code("P5-06000", "SRT", "Fluoroscopy"), Code("113613", "DCM", "Rotational Acquisition")
PLANE_A, PLANE_B = Code("113620", "DCM", "Plane A"), Code("113621", "DCM", "Plane B")
ISOCENTER_15CM = Code("113860", "DCM", "15cm from Isocenter toward Source")
DETECTOR_30CM = Code("113861", "DCM", "30cm in Front of Image Input Surface")


def unit_of(name: str) -> str:
    if name in UNITS:
        return UNITS[name]
    return "deg" if "angle" in name else "mm"


def num(name: str, *values: float, unit: str | None = None) -> Item:
    return Item(name, Code("", "DCM", name), "NUM", tuple(values), unit_of(name) if unit is None else unit)


def private(code: str, *values: float, unit: str = "mm", scheme: str = "99PHI-IXR-XPER") -> Item:
    return Item("", Code(code, scheme, f"private {code}"), "NUM", tuple(values), unit)


def coded(name: str, code: Code, *children: Item) -> Item:
    return Item(name, Code("", "DCM", name), "CODE", code=code, children=children)


def text(name: str, words: str) -> Item:
    return Item(name, Code("", "DCM", name), "TEXT", text=words)


def container(name: str, *children: Item) -> Item:
    return Item(name, Code("", "DCM", name), "CONTAINER", children=children)


def added_filter(material: Code | None, low: float | None, high: float | None = None, kind: Code | None = None) -> Item:
    children = [coded("x_ray_filter_type", kind)] if kind else []
    if material:
        children.append(coded("x_ray_filter_material", material))
    if low is not None:
        children.append(num("x_ray_filter_thickness_minimum", low))
    if high is not None:
        children.append(num("x_ray_filter_thickness_maximum", high))
    return container("x_ray_filters", *children)


# One complete event: 10 mGy, 1 Gy.cm2 (100 cm2 at the reference point), 785 mm to the isocentre.
COMPLETE = {
    "dose_rp": 0.010,
    "dose_area_product": 1.0e-4,
    "kvp": 80.0,
    "positioner_primary_angle": 0.0,
    "positioner_secondary_angle": 0.0,
    "distance_source_to_isocenter": 785.0,
    "distance_source_to_detector": 1100.0,
    "table_longitudinal_position": -20.0,
    "table_lateral_position": 900.0,
    "table_height_position": 150.0,
    "table_head_tilt_angle": 0.0,
    "table_horizontal_rotation_angle": 0.0,
    "table_cradle_tilt_angle": 0.0,
}


def event(number: int = 1, *extra: Item, without: tuple[str, ...] = (), **values: float | tuple[float, ...]) -> Item:
    """An event with the items of COMPLETE, changed by `values`, without those named, plus `extra`."""
    numbers = {**COMPLETE, **values}
    children = [
        num(name, *(value if isinstance(value, tuple) else (value,)))
        for name, value in numbers.items()
        if name not in without
    ]
    labels = {
        "irradiation_event_uid": text("irradiation_event_uid", f"1.2.3.{number:04d}"),
        "date_time_started": Item(
            "date_time_started",
            Code("", "DCM", ""),
            "DATETIME",
            text=f"20240229{8 + number // 60:02d}{number % 60:02d}00",
        ),
        "irradiation_event_type": coded("irradiation_event_type", FLUOROSCOPY),
        "reference_point_definition": coded("reference_point_definition", ISOCENTER_15CM),
        "x_ray_filters": added_filter(COPPER, 0.3, 0.3),
    }
    children += [item for name, item in labels.items() if name not in without]
    return container("irradiation_event_x_ray_data", *children, *extra)


def accumulated(*children: Item, plane: Code | None = None) -> Item:
    head = (coded("acquisition_plane", plane),) if plane else ()
    return container("accumulated_x_ray_dose_data", *head, *children)


def procedure(
    *events: Item,
    totals: tuple[Item, ...] = (),
    context: tuple[Item, ...] = (),
    maker: str = "Siemens",
    model: str = "AXIOM-Artis",
    description: str = "",
) -> Procedure:
    header = Header(manufacturer=maker, model=model, description=description)
    return Procedure((), header, context, totals, events)
