"""The nouns of the program: one frozen type for every boundary between two stages.

    RDSR file -> Procedure -> Events -> Beams -> Hits -> Factors -> DoseMap -> Findings -> outputs

Lengths are in mm, angles in degrees, dose and air kerma in mGy, kerma-area product in Gy.cm2, time in s. Frames
(room, table, patient) and signs are defined in docs/conventions.md; unless a name says otherwise a vector is in
the patient frame: origin at the crown, +X to the patient's left, +Y posterior, +Z towards the head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]


class Status(IntEnum):
    """Where a normalised value comes from; stands beside every value of `Events`."""

    MISSING = 0
    REPORTED = 1
    DERIVED = 2
    ASSUMED = 3
    CORRECTED = 4  # by the user


class Code(NamedTuple):
    """A coded concept as the file has it."""

    value: str
    scheme: str
    meaning: str


class Item(NamedTuple):
    """One SR content item, as the file has it: nothing converted, nothing dropped.

    name      our name of the concept (DICOM keyword in snake case, see rdsr/codes.py); "" for a private or
              unknown concept, which is then found by `concept`
    kind      value type: NUM CODE TEXT DATETIME UIDREF CONTAINER ...
    values    NUM: every number given, in order; () when empty, not a number or qualified as unknown
    unit      NUM: the unit's code value as written
    text      TEXT, DATETIME, UIDREF: the text; NUM: the text that was not a number
    code      CODE: the coded value
    """

    name: str
    concept: Code
    kind: str
    values: tuple[float, ...] = ()
    unit: str = ""
    text: str = ""
    code: Code | None = None
    children: tuple[Item, ...] = ()

    def walk(self) -> Iterator[Item]:
        """Every item below this one, depth first, in the file's order."""
        for child in self.children:
            yield child
            yield from child.walk()


@dataclass(frozen=True)
class InputFile:
    """A file that went in: its name (never its path), digest and SOP Instance UID."""

    name: str
    sha256: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Patient:
    """What the header says of the patient that matters to the dose; no identifiers. None is not stated."""

    height_cm: float | None = None
    weight_kg: float | None = None
    sex: str | None = None  # "male" or "female"
    age_years: float | None = None


@dataclass(frozen=True)
class Header:
    """The part of the DICOM header that the result carries."""

    study_instance_uid: str = ""
    study_date: str = ""  # ISO 8601, "" when absent
    description: str = ""  # study, requested procedure and protocol texts, joined
    station: str = ""
    manufacturer: str = ""  # header, else device observer, else device role
    model: str = ""
    software: str = ""
    device_serial_number: str = ""
    patient: Patient = Patient()


@dataclass(frozen=True)
class Procedure:
    """One RDSR, or several of one study merged, exactly as written.

    context       items of the root that are neither accumulated data nor irradiation events
    accumulated   (113702) containers, one per plane
    events        (113706) containers, each Irradiation Event UID once
    warnings      what was odd in the reading, in words
    """

    inputs: tuple[InputFile, ...]
    header: Header
    context: tuple[Item, ...]
    accumulated: tuple[Item, ...]
    events: tuple[Item, ...]
    warnings: tuple[str, ...] = ()


# --- Events (normalise)


@dataclass(frozen=True)
class Layer:
    """One slab of the patient support in the table frame: centred on the table's centre line, from its head end.

    The layers are stacked upwards, the first one's upper surface being y = 0 (the table top's upper surface);
    what stands below it (core, lower skin) has `top_mm` > 0, the pad lies above with `top_mm` < 0.
    """

    name: str
    material: str
    top_mm: float  # y of the upper surface in the table frame (down is positive)
    thickness_mm: float
    half_width_mm: float
    length_mm: float


@dataclass(frozen=True)
class Machine:
    """What the profile contributes after normalising; no code behind it knows a maker."""

    profile: str
    profile_status: str  # "commissioned", "documented" or "assumed"
    has_table: bool
    height_zero_known: bool
    lateral_zero_known: bool  # the head-foot axis ("Table Lateral Position" of DICOM)
    longitudinal_zero_known: bool  # the sideways axis ("Table Longitudinal Position" of DICOM)
    angles_relative_to: str  # "patient" or "gantry"
    axis_order: str  # "primary-secondary" (DICOM) or "secondary-primary"
    inherent_filtration_mmal: float
    anode_angle_deg: float
    detector_side_mm: float
    support: tuple[Layer, ...]  # without the pad's override
    transmission: str  # name of a measured curve in physics/data, or "" for the described layers
    inherent_filtration_uncertainty_mmal: float = 0.5  # standard
    inherent_filters_mm: Mapping[str, float] = field(default_factory=dict)  # of other materials, beside the aluminium
    anode_direction: str = ""  # where the anode lies, seen from the axis: u+, u-, v+, v-; "": no heel effect
    pivot: str = "isocentre"  # what the table turns about: "isocentre", "reference-point" or "points"
    # "points": left, head of the horizontal rotation's axis; down, head of the head tilt's; left, down of the cradle's
    pivot_mm: tuple[float, ...] = (0.0,) * 6
    pivot_rides: bool = True  # the tilts' axes go up and down with the table


@dataclass(frozen=True)
class Totals:
    """Accumulated data of one plane ("together", "A", "B"); NaN where not reported."""

    plane: str
    air_kerma_mgy: float
    kap_gycm2: float
    fluoro_time_s: float


@dataclass(frozen=True)
class Events:
    """The irradiation events in one set of units and signs, one array element per event, in time order.

    Arrays have shape (events,), NaN where missing. `status` has, for each float column, an array of `Status`; `spread`
    the standard uncertainty of what stands in for a missing value, in the column's unit, 0 for all others.
    Table positions have the maker's zero taken off and DICOM's sense: longitudinal grows towards the patient's left,
    lateral towards his head, height downwards (table top below the isocentre). The field's edges stand at the
    reference plane (perpendicular to the axis at the reference point): u to the image's patient-left side, v to its
    cranial side, for a detector above a supine patient.
    """

    machine: Machine
    totals: tuple[Totals, ...]
    region: str  # region for placement by anatomy, a name of phantom/regions.py
    region_status: Status
    region_reason: str
    registered_orientation: str  # hfs, ffp, ...; "" when the file is silent
    uid: tuple[str, ...]
    started: tuple[str, ...]  # ISO 8601 local time, "" when absent
    plane: tuple[str, ...]  # "A", "B" or "single"
    event_type: tuple[str, ...]  # fluoroscopy, stationary acquisition, stepping acquisition, rotational acquisition
    protocol: tuple[str, ...]
    air_kerma_rp_mgy: FloatArray
    kap_gycm2: FloatArray
    irradiation_duration_s: FloatArray
    kvp_kv: FloatArray
    filter_al_mm: FloatArray  # added filtration, without the inherent one
    filter_cu_mm: FloatArray
    positioner_primary_angle_deg: FloatArray
    positioner_secondary_angle_deg: FloatArray
    positioner_primary_end_angle_deg: FloatArray
    positioner_secondary_end_angle_deg: FloatArray
    distance_source_to_isocenter_mm: FloatArray
    distance_source_to_detector_mm: FloatArray
    distance_source_to_reference_point_mm: FloatArray
    table_longitudinal_position_mm: FloatArray
    table_lateral_position_mm: FloatArray
    table_height_position_mm: FloatArray
    table_head_tilt_angle_deg: FloatArray
    table_horizontal_rotation_angle_deg: FloatArray
    table_cradle_tilt_angle_deg: FloatArray
    table_longitudinal_end_position_mm: FloatArray
    table_lateral_end_position_mm: FloatArray
    table_height_end_position_mm: FloatArray
    table_head_tilt_end_angle_deg: FloatArray
    table_cradle_tilt_end_angle_deg: FloatArray
    field_u_min_mm: FloatArray
    field_u_max_mm: FloatArray
    field_v_min_mm: FloatArray
    field_v_max_mm: FloatArray
    field_rotation_deg: FloatArray
    field_shape: tuple[str, ...]  # "rectangle" or "circle"
    mapped: BoolArray  # geometry and kerma suffice for the map
    unmapped_reason: tuple[str, ...]  # "" where mapped
    status: Mapping[str, ByteArray]
    spread: Mapping[str, FloatArray] = field(default_factory=dict)
    filter_other_mm: Mapping[str, FloatArray] = field(default_factory=dict)  # "Ta", ...; status is "filter_ta_mm", ...
    vendor_peak_mgy: float = float("nan")
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.uid)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A closed triangle mesh in the patient frame; its triangles are the skin cells.

    vertices_mm      (vertices, 3)
    triangles        (cells, 3) vertex indices, counter-clockwise seen from outside
    centroid_mm      (cells, 3)
    normal           (cells, 3) unit vectors, outwards
    area_mm2         (cells,)
    neighbours       (cells, 3) cell across each edge, -1 where there is none
    region           (cells,) index into `region_names`
    landmarks_mm     region name -> point inside the body that placement by anatomy puts at the isocentre
    parameters       what made it: height_cm, weight_kg, sex, ... for the result
    stature_mm       crown to soles of the patient it stands for, also where the mesh has no legs
    """

    name: str
    vertices_mm: FloatArray
    triangles: IntArray
    centroid_mm: FloatArray
    normal: FloatArray
    area_mm2: FloatArray
    neighbours: IntArray
    region: ByteArray
    region_names: tuple[str, ...]
    landmarks_mm: Mapping[str, tuple[float, float, float]]
    parameters: Mapping[str, Any]
    stature_mm: float
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


# --- Beams (geometry)


@dataclass(frozen=True)
class Placement:
    """Where and how the patient lies: x_table = rotation @ x_patient + origin_mm.

    axes    for "left", "head", "up": how that axis was decided ("table" or "anatomy") and why
    Where an axis follows anatomy, it is the table's zero that is solved for: `isocentre_shift_mm` is added to the
    isocentre in the table frame, and the patient stays where he lies on the table. `centre_mm` is the middle of his
    trunk in the table frame, about which he turns if he moves in the middle of the case.
    """

    rotation: FloatArray  # (3, 3)
    origin_mm: FloatArray  # (3,)
    isocentre_shift_mm: FloatArray  # (3,) in table axes
    orientation_registered: str
    orientation_actual: str
    axes: Mapping[str, str]
    region: str
    centre_mm: FloatArray = field(default_factory=lambda: np.zeros(3))
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beams:
    """The (sub-)events as beams in the patient frame; shape (beams, ...).

    event                   index into `Events`
    weight                  share of the event's air kerma; sums to 1 per mapped event
    source_mm               focal spot
    axis, u, v              unit vectors: central ray, and the field's in-plane axes; axis = u x v
    field_mm                (beams, 4) u_min, u_max, v_min, v_max at the reference plane
    circular                field is the ellipse inscribed in its edges
    reference_distance_mm   focal spot to reference plane along the axis
    air_kerma_rp_mgy        of this sub-event
    table_rotation          (beams, 3, 3): x_table = table_rotation @ x_patient + table_origin_mm (beams, 3)
    support_mm              (layers, 6) slabs in the table frame: x_min, x_max, y_min, y_max, z_min, z_max
    support                 the layers in words, same order
    """

    event: IntArray
    weight: FloatArray
    source_mm: FloatArray
    axis: FloatArray
    u: FloatArray
    v: FloatArray
    field_mm: FloatArray
    circular: BoolArray
    reference_distance_mm: FloatArray
    air_kerma_rp_mgy: FloatArray
    table_rotation: FloatArray
    table_origin_mm: FloatArray
    support_mm: FloatArray
    support: tuple[Layer, ...]

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True)
class Hits:
    """Which beam meets which cell, and how: sparse rows, one element per pair, beam by beam.

    beam_start      (beams + 1,) hits of beam b are beam_start[b]:beam_start[b + 1]
    cell            (hits,) index of the cell
    distance_mm     focal spot to the cell's centroid
    cos_incidence   cosine between the ray and the inward normal, > 0
    u_mm, v_mm      place in the field, scaled to the reference plane
    edge_mm         signed distance to the field's edge at the cell's distance, positive inside
    coverage        share of the cell's area inside the field and not shadowed; 0 in the scatter halo
    path_mm         (hits, layers) path length through each layer of the support
    primary         lit by the primary beam (False: only in the scatter halo)
    thickness_mm    how far the body goes on behind the cell, along its inward normal; None: not asked for
    """

    beam_start: NDArray[np.int64]
    cell: IntArray
    distance_mm: FloatArray
    cos_incidence: FloatArray
    u_mm: FloatArray
    v_mm: FloatArray
    edge_mm: FloatArray
    coverage: FloatArray
    path_mm: FloatArray
    primary: BoolArray
    thickness_mm: FloatArray | None = None

    def beam(self) -> IntArray:
        """(hits,) the beam of each hit."""
        return np.repeat(np.arange(len(self.beam_start) - 1, dtype=np.int32), np.diff(self.beam_start))


@dataclass(frozen=True)
class Factors:
    """The factors of the skin-dose equation, one element per hit; pure numbers.

    dose = air_kerma_rp * calibration * inverse_square * transmission * heel * medium * (coverage + scatter)
    """

    inverse_square: FloatArray
    scatter: FloatArray  # the patient's, over the primary's free in air: B - 1 where the primary covers the cell
    medium: FloatArray
    transmission: FloatArray
    calibration: FloatArray
    heel: FloatArray | None = None  # 1 on the axis; None: switched off
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peak:
    """The highest mean dose over a connected patch of 1 cm2, and the highest single cell."""

    skin_dose_mgy: float
    cell_max_mgy: float
    cell: int  # centre of the patch
    patch: IntArray  # cells of the patch
    position_mm: tuple[float, float, float]
    region: str


@dataclass(frozen=True)
class DoseMap:
    """Dose per cell of the phantom, and what made it.

    dose_mgy           (cells,)
    uncertainty_mgy    (cells,) standard uncertainty
    beam_start, cell   as in `Hits`
    hit_dose_mgy       (hits,) what each hit adds to its cell, to 7 digits
    on_body            (beams,) share of each beam's field that meets the body
    nearest_mm         (beams,) least distance of lit skin from the focal spot; else infinite
    peak               None where no cell has dose
    """

    dose_mgy: FloatArray
    uncertainty_mgy: FloatArray
    beam_start: NDArray[np.int64]
    cell: IntArray
    hit_dose_mgy: NDArray[np.float32]
    on_body: FloatArray
    nearest_mm: FloatArray
    peak: Peak | None


# --- Findings (triggers)


@dataclass(frozen=True)
class Quantity:
    """A quantity as the rules see it: value, interval, or None with the reason why there is none."""

    value: float | None
    unit: str  # Gy, Gy.cm2, min, cm2
    reason: str = ""  # why value is None
    note: str = ""  # e.g. "reported total, larger than the sum over events"
    tolerance: float = 0.0  # true = value / (1 + e), e rectangular within +-tolerance (IEC 60601-2-43); 0: exact
    at_most: float | None = None  # value is a lower bound: how much it can be, infinite where nobody knows
    lacks: str = ""  # what a lower bound lacks, in words
    draws: FloatArray | None = field(default=None, compare=False)  # of the true value; they win over `tolerance`


@dataclass(frozen=True)
class Finding:
    """One rule on one quantity. `fired` None: not evaluable, with `reason`."""

    rule: str
    kind: str  # trigger, intraprocedure, notification
    quantity: str
    value: float | None
    level: float
    unit: str
    fired: bool | None
    probability: float | None
    reason: str = ""
    steps: int = 0  # increments passed beyond the first level
    source: str = ""
    provenance: str = ""
    what_follows: str = ""
    acts_from_probability: float | None = None  # the rule fires from this probability on too
    note: str = ""  # what the reader must know beside the verdict: where the value comes from, how the level was scaled


@dataclass(frozen=True)
class Findings:
    """Everything the rule set said, in its order."""

    preset: str
    signed_by: str  # "" when the levels are not signed by the site's physicist
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    signed_on: str = ""  # ISO 8601
    digest: str = ""  # of what the rules say: what a signature is bound to


# --- Result (pipeline)


@dataclass(frozen=True)
class Result:
    """One procedure's whole way through the program; what outputs are made of."""

    case: Any  # case.Case: what it is computed from
    procedure: Procedure
    events: Events
    phantom: Phantom
    settings: Any  # config.Settings
    findings: Findings
    totals: Mapping[str, Any]  # as result.json has them
    placement: Placement | None = None
    beams: Beams | None = None
    hits: Hits | None = None  # with factors None where they were too many to keep
    factors: Factors | None = None
    dosemap: DoseMap | None = None
    peak_interval_mgy: tuple[float, float] | None = None
    uncertainty: Any = None  # uncertainty.Uncertainty: the peak's
    plane_peaks: Mapping[str, Peak] = field(default_factory=dict)  # "A", "B": the peak of that plane's dose alone
    peak_if_runs_stood_mgy: float | None = None  # where the way of rotational runs is assumed
    no_map_reason: str = ""
    peak_upper_bound_mgy: float | None = None  # without a map, or with one that lacks air kerma
    peak_lacks: tuple[str, ...] = ()  # why the peak is only a lower bound
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    excluded: Mapping[int, str] = field(default_factory=dict)  # event index -> reason
    changes: tuple[Any, ...] = ()  # changes.Change
    calibrations: Any = None  # calibration.Calibrations
