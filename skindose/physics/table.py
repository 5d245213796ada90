"""Transmission of the patient support: table top and pad, ray by ray.

    ln T = ln T0 x x (r(theta) - phi cos theta)

T0     perpendicular transmission of the whole support: a measured curve of the machine, or its described layers
x      path length through the layers over their thickness, each layer weighted by its attenuation: 1 / cos(theta)
       through all of it, less past an edge or through some layers only, 0 for a ray that misses it
r      what obliquity leaves of the exponential's loss: scatter refills an oblique ray
phi    share of a narrow beam's loss that forward scatter returns, growing with the field; 0 for a measured curve, whose
       chamber saw some of that scatter

r and phi are DeLorenzo 2018's factors for angle and field, written on the logarithm: so they scale with a thinner
table or a part of it, and for his own table give back his numbers.                   [DeLorenzo2018]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skindose.calibration import Calibrations, Curve
from skindose.errors import SettingsError
from skindose.model import BoolArray, FloatArray, IntArray, Layer, Machine
from skindose.physics import data
from skindose.physics.quality import Quality, tables
from skindose.units import mm2_to_m2, mm_to_cm

# Nominal densities, for want of the machine's own; the pad's is that under the patient's weight, the foam's that of a
# structural core. Skins of 0.75 mm, 50 mm foam and 40 mm pad let 0.68 of a narrow beam of 80 kV through, 0.71 of one
# of 10 cm; two machines were measured at 0.655 and 0.68, a third fitted at 0.74.
DENSITY_GCM3 = {"carbon fibre": 1.55, "foam": 0.10, "polyurethane": 0.15}
STEEPEST_DEG = 80.0  # DeLorenzo's angular factor holds below
LARGEST_MM2 = 58_000.0  # and his field factor up to here
COPPER_OFFSET_MM = 0.05  # a measured curve is interpolated in ln(copper + offset)
# DeLorenzo's perpendicular transmission at 80 kV, 0.2 mm Cu: at 100 cm2, where his angles start, and of a narrow beam.
BROAD_T, NARROW_T = 0.8026, 0.7774
# Relative standard uncertainty of T: of a curve that another machine of the make was measured with (machines differ by
# 10 %), and of nominal layers (physics.md: 12 % modelled).
ANOTHER_MACHINES, DESCRIBED = 0.10, 0.12
_SAME_PAD_MM = 0.5
_PREFIX = "transmission_"  # of the measured curves' data files
_STEPS = 256  # of the two functions' look-up tables


@dataclass(frozen=True)
class Support:
    """What the support does to the beams of the events.

    log_t0          (events,) ln of the transmission of a perpendicular ray through all layers
    per_mm          (events, layers) share of that loss per mm of path in each layer
    broad           (events,) log_t0 holds forward scatter that cannot be taken apart, else it is a narrow beam's
    """

    log_t0: FloatArray
    per_mm: FloatArray
    broad: BoolArray


def support(machine: Machine, beams: Quality, layers: tuple[Layer, ...], known: Calibrations | None = None) -> Support:
    """The support for each event: the site's own curve where it has one, else the profile's, else its layers.

    raises   SettingsError for a material or a measured curve that is not there
    """
    mu = np.stack([_mu_per_mm(layer, machine) for layer in layers])
    thickness = np.array([layer.thickness_mm for layer in layers])
    mean = beams.kerma @ mu.T
    per_mm = mean / np.maximum(mean @ thickness, 1e-12)[:, None]
    described = np.log(beams.kerma @ np.exp(-(thickness @ mu)))
    log_t0, broad = described, np.zeros(len(described), dtype=np.bool_)
    if machine.transmission:
        log_t0 = _with_pad(_shipped(machine.transmission, machine), beams, described, (machine, layers))
        broad = ~broad
    for index, curve in enumerate(known.curves if known else ()):
        own = known.curve == index if known else broad
        narrow = _with_pad(curve, beams, described, (machine, layers)) / (1 - forward_scatter(curve.scatter_side_mm))
        log_t0, broad = np.where(own, narrow, log_t0), broad & ~own
    return Support(log_t0, per_mm, broad)


def _with_pad(
    curve: Curve, beams: Quality, described: FloatArray, whose: tuple[Machine, tuple[Layer, ...]]
) -> FloatArray:
    """(events,) ln T of a measured curve with the pad that is there instead of the measured one.

    ln T = ln T_curve x ln T_described / ln T_described(pad of the curve): the description may be off as a whole, but
    what it says of the pad's share holds.

    described   (events,) ln T of the layers that are there
    whose       the machine and those layers
    """
    measured_log = np.log(at(curve, beams.kvp_kv, beams.cu_mm))
    machine, layers = whose
    if abs(sum(layer.thickness_mm for layer in layers if is_pad(layer)) - curve.pad_mm) < _SAME_PAD_MM:
        return measured_log
    pad = next(filter(is_pad, (*layers, *machine.support)), Layer("pad", "polyurethane", 0.0, 0.0, 0.0, 0.0))
    then = (*(layer for layer in layers if not is_pad(layer)), replace(pad, thickness_mm=curve.pad_mm))
    depth = np.array([layer.thickness_mm for layer in then])
    mu = np.stack([_mu_per_mm(layer, machine) for layer in then])
    found: FloatArray = measured_log * described / np.log(beams.kerma @ np.exp(-(depth @ mu)))
    return found


def is_pad(layer: Layer) -> bool:
    """The layer lies on the table top."""
    return layer.name == "pad"


def _mu_per_mm(layer: Layer, machine: Machine) -> FloatArray:
    known = tables().support_mu_rho
    if layer.material not in DENSITY_GCM3:
        remedy = f"Use one of: {', '.join(DENSITY_GCM3)}."
        raise SettingsError(
            f"material {layer.material!r} of the table's layer {layer.name!r} is not known", machine.profile, remedy
        )
    return mm_to_cm(known[layer.material] * DENSITY_GCM3[layer.material])  # 1/cm -> 1/mm, the same tenth


def curves() -> tuple[str, ...]:
    """Names of the measured curves that the product has, as `Machine.transmission` takes them."""
    found = (name.removesuffix(".csv") for name in data.names() if name.startswith(_PREFIX))
    return tuple(name.removeprefix(_PREFIX) for name in found)


def measured(curve: str, kvp_kv: FloatArray, cu_mm: FloatArray) -> FloatArray:
    """Perpendicular transmission measured on a machine, by voltage and copper; outside the measurement its edge.

    Linear in the voltage (on a grid of 5 kV, exact to 0.03 %) and in ln(copper + 0.05 mm).

    curve    the data file is transmission_CURVE.csv
    raises   SettingsError when there is no such file
    """
    return at(_shipped(curve), kvp_kv, cu_mm)


def _shipped(curve: str, machine: Machine | None = None) -> Curve:
    """A curve of the product, taken with the pad that the profile describes."""
    if curve not in curves():
        raise SettingsError(f"there is no measured transmission {curve!r}", remedy=f"Known: {', '.join(curves())}.")
    name = f"{_PREFIX}{curve}.csv"
    header = data.read_bytes(name).decode("utf-8").split("\n", 1)[0].split(",")
    copper = np.array([float(column.removeprefix("cu")) for column in header[1:]])
    grid = data.read_grid(name)
    pad_mm = sum(layer.thickness_mm for layer in machine.support if is_pad(layer)) if machine else 0.0
    return Curve(grid[:, 0], copper, grid[:, 1:], pad_mm, 0.0)


def at(curve: Curve, kvp_kv: FloatArray, cu_mm: FloatArray) -> FloatArray:
    """Transmission of a curve, linear in the voltage and in ln(copper + 0.05 mm); outside it its edge."""
    at_kvp = np.stack([np.interp(kvp_kv, curve.kvp_kv, column) for column in curve.transmission.T], axis=1)
    place, nodes = np.log(cu_mm + COPPER_OFFSET_MM), np.log(curve.cu_mm + COPPER_OFFSET_MM)
    return np.array([np.interp(x, nodes, row) for x, row in zip(place, at_kvp, strict=True)])


def obliquity(cosine: FloatArray, broad: bool) -> FloatArray:
    """r: the loss of an oblique ray over what the exponential of its path says.

        r = cos(a) (1 + ln f(a) / ln T_ref),  f = 1 + 3.07e-4 a - 4.90e-5 a^2, a in degrees              [DeLorenzo2018]

    Beyond 80 degrees it stays as at 80.

    cosine    between ray and table normal, 0 to 1
    broad     T0 was measured with scatter, as DeLorenzo's own
    """
    angle = np.minimum(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))), STEEPEST_DEG)
    factor = 1 + 3.07e-4 * angle - 4.90e-5 * angle**2
    reference = BROAD_T if broad else NARROW_T
    found: FloatArray = np.cos(np.radians(angle)) * (1 + np.log(factor) / np.log(reference))
    return found


def forward_scatter(side_mm: FloatArray | float) -> FloatArray:
    """phi: the share of a narrow beam's loss that forward scatter returns to a field of this side at the skin.

        phi = -ln F / ln T_ref,  F = (-12.47 A^2 + 1.7081 A + 0.4890) / 0.4890                    [DeLorenzo2018]

    A is the field's area in m2, at most 0.058.
    """
    area = mm2_to_m2(np.minimum(np.asarray(side_mm) ** 2, LARGEST_MM2))
    found: FloatArray = -np.log((-12.47 * area**2 + 1.7081 * area + 0.4890) / 0.4890) / np.log(NARROW_T)
    return found


_OBLIQUITY = {broad: obliquity(np.linspace(0.0, 1.0, _STEPS + 1), broad) for broad in (False, True)}
_FORWARD = forward_scatter(np.linspace(0.0, LARGEST_MM2**0.5, _STEPS + 1))


def transmission(
    stack: Support, event: IntArray, path_mm: FloatArray, cosine: FloatArray, side_mm: FloatArray
) -> FloatArray:
    """Transmission of rays.

    event      (hits,) the event of each ray
    path_mm    (hits, layers) path through each layer
    cosine     (hits,) between ray and table normal, 0 to 1
    side_mm    (hits,) equivalent square side of the field at the skin
    returns    (hits,) in (0, 1]; 1 where the ray misses the support
    """
    narrow, broad = (_lookup(_OBLIQUITY[kind], cosine) for kind in (False, True))
    narrow -= _lookup(_FORWARD, side_mm / LARGEST_MM2**0.5) * cosine
    left = np.where(stack.broad[event], broad, narrow)
    loss = np.einsum("hl,hl->h", path_mm, (stack.log_t0[:, None] * stack.per_mm)[event])
    found: FloatArray = np.exp(loss * left)
    return found


def _lookup(values: FloatArray, place: FloatArray) -> FloatArray:
    """Linear between `values`, which stand at equal steps over 0 to 1; clamped."""
    scaled = np.minimum(place, 1.0) * _STEPS
    low = np.minimum(scaled.astype(np.int64), _STEPS - 1)
    below = values.take(low)
    found: FloatArray = below + (values.take(low + 1) - below) * (scaled - low)
    return found


def standard_uncertainty(machine: Machine, events: int, known: Calibrations | None = None) -> FloatArray:
    """(events,) relative standard uncertainty of a perpendicular ray's T.

    That of the machine's own curve, else 10 % for a curve of another machine, 12 % for described layers, 0 without.
    """
    usual = 0.0 if not machine.has_table else ANOTHER_MACHINES if machine.transmission else DESCRIBED
    found = np.full(events, usual)
    return found if known is None else np.where(known.curve >= 0, known.transmission_uncertainty, found)


def assumption(machine: Machine, known: Calibrations, used: BoolArray) -> tuple[str, ...]:
    """What the result says of the transmission.

    used   (events,) events with a beam
    """
    if not machine.has_table:
        return ("No patient support is known: beams are not weakened.",)
    names = [name for name, lit in zip(known.transmission_record, used, strict=True) if lit]
    own = tuple(
        f"Table and pad: transmission measured on this machine (calibration record {name}, {names.count(name)} of "
        f"{len(names)} events); oblique rays after DeLorenzo 2018."
        for name in dict.fromkeys(filter(None, names))
    )
    if all(names):
        return own
    if machine.transmission:
        return (
            *own,
            f"Table and pad: perpendicular transmission measured on such a machine ({machine.transmission}), not on "
            "this one (machines differ by 10 % and more); oblique rays after DeLorenzo 2018.",
        )
    layers = ", ".join(f"{layer.thickness_mm:g} mm {layer.material}" for layer in machine.support)
    return (
        *own,
        f"Table and pad: computed for described layers ({layers}) of nominal density, no measurement of this machine; "
        "forward scatter and oblique rays after DeLorenzo 2018.",
    )
