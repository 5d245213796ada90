"""A made-up machine with hidden conventions: what it reports when a marker is centred. A plain twin: numpy only.

Everything true is in the words of docs/conventions.md; everything reported in the machine's own.
"""

from dataclasses import dataclass, replace

import numpy as np

from skindose.model import Code, InputFile
from skindose.rdsr.write import WrittenEvent, WrittenProcedure
from tests.normalise import build

STATIONARY = Code("113611", "DCM", "Stationary Acquisition")
_ANGLES = ("positioner_primary", "positioner_secondary", "positioner_primary_end", "positioner_secondary_end",
           "table_horizontal_rotation", "table_head_tilt", "table_cradle_tilt")  # fmt: skip
_WRITTEN = {f"{name}_angle": "_deg" for name in _ANGLES} | {
    f"table_{name}_position": "_mm" for name in ("longitudinal", "lateral", "height")
}

NAMES = ("longitudinal", "height", "lateral")  # DICOM's own order along X, Y, Z
PATIENT_AXES = {"hfs": np.eye(3), "ffs": np.diag([-1.0, 1.0, -1.0]), "hfp": np.diag([-1.0, -1.0, 1.0])}


@dataclass(frozen=True)
class Machine:
    """names: for X, Y, Z of the table the DICOM word under which its position is reported."""

    names: tuple = NAMES
    signs: tuple = (1, 1, 1)
    zeros: tuple = (0.0, 0.0, 0.0)
    primary_sign: int = 1
    secondary_sign: int = 1
    angle_zeros: tuple = (0.0, 0.0)
    order: str = "primary-secondary"
    relative_to: str = "patient"
    turn_signs: tuple = (1, 1, 1)  # horizontal, head tilt, cradle
    orientation: str = "hfs"
    angle_digits: int = 1
    serial: str = "4711"


@dataclass(frozen=True)
class Shot:
    """True angles of the stand, the marker, and how far the isocentre lies above the table top."""

    marker: tuple = (0.0, 400.0, 0.0)  # left, from the head end, up
    primary: float = 0.0
    secondary: float = 0.0
    above: float = 150.0
    turns: tuple = (0.0, 0.0, 0.0)  # horizontal rotation, head tilt, cradle
    orientation: str = ""  # registered; "" as the machine has it


def turn(axis, degrees):
    """Right-handed rotation about one of the table frame's axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[j, i], matrix[i, j] = s, -s
    return matrix


def ray(machine, primary, secondary, turns, orientation=""):
    """Central ray in the table frame for true angles."""
    a, b = np.radians(primary), np.radians(secondary)
    if machine.order == "primary-secondary":
        d = np.array([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)])
    else:
        d = np.array([np.sin(a), -np.cos(a) * np.cos(b), np.cos(a) * np.sin(b)])
    if machine.relative_to == "patient":
        d = PATIENT_AXES[orientation or machine.orientation] @ d
    horizontal, tilt, cradle = turns
    return (turn(1, horizontal) @ turn(0, tilt) @ turn(2, -cradle)).T @ d


def reported(machine, isocentre, primary, secondary, turns=(0.0, 0.0, 0.0)):
    """What the machine writes for an isocentre in the table frame and true angles, rounded as files have it."""
    position = -np.asarray(isocentre)
    values = {
        f"table_{name}_position_mm": round(float(sign * position[axis] + zero), 0)
        for axis, (name, sign, zero) in enumerate(zip(machine.names, machine.signs, machine.zeros, strict=True))
    }
    digits = machine.angle_digits
    turned = [sign * angle for sign, angle in zip(machine.turn_signs, turns, strict=True)]
    return values | {
        "positioner_primary_angle_deg": round(machine.primary_sign * primary + machine.angle_zeros[0], digits),
        "positioner_secondary_angle_deg": round(machine.secondary_sign * secondary + machine.angle_zeros[1], digits),
        "table_horizontal_rotation_angle_deg": turned[0],
        "table_head_tilt_angle_deg": turned[1],
        "table_cradle_tilt_angle_deg": turned[2],
    }


def exposed(machine, shot, generator, noise_mm):
    """Isocentre with the marker centred, but for noise across the ray."""
    direction = ray(machine, shot.primary, shot.secondary, shot.turns, shot.orientation)
    left, from_head, up = shot.marker
    marker = np.array([left, -up, -from_head]) + generator.normal(0.0, noise_mm, 3)
    along = (marker[1] + shot.above) / direction[1] if abs(direction[1]) > 0.3 else 0.0
    return marker - along * direction


def event(number, machine, isocentre, shot, **more):
    return WrittenEvent(
        air_kerma_rp_mgy=1.0,
        kap_gycm2=0.1,
        event_type="stationary acquisition",
        started=f"20260301{8 + number // 60:02d}{number % 60:02d}00",
        orientation=shot.orientation or machine.orientation,
        kvp_kv=80.0,
        distance_source_to_isocenter_mm=750.0,
        distance_source_to_detector_mm=1100.0,
        **{**reported(machine, isocentre, shot.primary, shot.secondary, shot.turns), **more},
    )


def report(machine, events, seed="shots"):
    return WrittenProcedure(
        events=tuple(events),
        station="LAB 3",
        seed=seed,
        extra_header=(("DeviceSerialNumber", machine.serial),),
    )


def session(machine, shots, seed=1, noise_mm=1.0):
    """The report of a commissioning session."""
    generator = np.random.default_rng(seed)
    return report(
        machine,
        [event(i, machine, exposed(machine, shot, generator, noise_mm), shot) for i, shot in enumerate(shots)],
    )


def in_memory(described):
    """The report as the reader would make it, without the way through a DICOM file: most tests need no file."""
    events = []
    for number, each in enumerate(described.events, 1):
        lying = build.coded("patient_orientation_modifier", build.PRONE if each.orientation[2] == "p" else build.SUPINE)
        head = build.coded(
            "patient_table_relationship", build.FEET_FIRST if each.orientation[0] == "f" else build.HEAD_FIRST
        )
        kind = build.coded("irradiation_event_type", STATIONARY)
        values = {name: getattr(each, f"{name}{unit}") for name, unit in _WRITTEN.items()}
        gone = tuple(name for name, value in values.items() if value is None)
        given = {name: value for name, value in values.items() if value is not None}
        events.append(build.event(number, lying, head, kind, without=(*gone, "irradiation_event_type"), **given))
    made = build.procedure(*events, maker=described.manufacturer, model=described.model)
    return replace(made, inputs=(InputFile("shots.dcm", "0" * 64, "1.2"),))


def marks(shots, column="acquisition", change=None):
    """MARKS.csv of a session; `change` maps a shot's index to what was written down wrongly."""
    lines = [f"{column},marker_left_mm,marker_head_mm,marker_up_mm,remark"]
    for index, shot in enumerate(shots):
        left, from_head, up = (change or {}).get(index, shot.marker)
        lines.append(f"{index + 1},{left:g},{from_head:g},{up:g},")
    return "\n".join(lines) + "\n"


A, B, C = (0.0, 400.0, 0.0), (120.0, 700.0, 0.0), (-100.0, 550.0, 100.0)
PLAN = (  # the plan of docs/commissioning.md
    Shot(A),
    Shot(A, above=230.0),
    Shot(A, primary=45.0),
    Shot(A, primary=-45.0, above=70.0),
    Shot(A, secondary=30.0),
    Shot(B),
    Shot(B, primary=30.0, secondary=25.0),
    Shot(B, primary=-30.0, secondary=-25.0, above=230.0),
    Shot(C),
    Shot(C, primary=45.0),
    Shot(C, secondary=30.0, above=230.0),
    Shot(C, primary=-30.0, secondary=25.0, above=70.0),
)
ALSO_TURNED = (
    *PLAN,
    Shot(marker=(80.0, 500.0, 0.0), primary=-40.0, turns=(15.0, 0.0, 0.0)),
    Shot(marker=(-80.0, 800.0, 0.0), primary=30.0, turns=(15.0, 0.0, 0.0)),
    Shot(marker=(0.0, 600.0, 0.0), secondary=20.0, turns=(0.0, 12.0, 0.0)),
    Shot(marker=(60.0, 400.0, 60.0), primary=-30.0, turns=(0.0, 12.0, 0.0)),
    Shot(marker=(60.0, 400.0, 0.0), above=200.0, turns=(0.0, 0.0, 10.0)),
    Shot(marker=(-90.0, 700.0, 0.0), secondary=-20.0, turns=(0.0, 0.0, 10.0)),
    Shot(primary=30.0, secondary=20.0, orientation="ffs"),
    Shot(marker=(120.0, 700.0, 0.0), primary=-30.0, secondary=20.0, orientation="ffs"),
)


def any_machine(generator, **fixed):
    """A machine with conventions drawn by chance."""
    pick = generator.choice
    names = tuple(np.array(NAMES)[generator.permutation(3)].tolist())
    made = Machine(
        names=names,
        signs=tuple(int(sign) for sign in pick([1, -1], 3)),
        zeros=tuple(generator.uniform(-1500.0, 1500.0, 3).tolist()),
        primary_sign=int(pick([1, -1])),
        secondary_sign=int(pick([1, -1])),
        order=str(pick(["primary-secondary", "secondary-primary"])),
        relative_to=str(pick(["patient", "gantry"])),
        turn_signs=tuple(int(sign) for sign in pick([1, -1], 3)),
        angle_digits=int(pick([0, 1])),
    )
    return replace(made, **fixed)
