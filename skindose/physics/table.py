"""Transmission of the patient support: table top and pad, ray by ray.

    ln T = (ln T0 X + h X (X - 1)) (1 - phi)

T0     transmission of a narrow perpendicular beam through the whole support: a measured curve, or its described layers
X      path length through the layers over their thickness, each layer weighted by its attenuation: 1 / cos(theta)
       through all of it, less past an edge or through some layers only, 0 for a ray that misses it
h      hardening: what twice the support loses less than twice its loss, halved
phi    share of that loss that forward scatter brings back to the skin, which lies on the support: it grows with the
       field, is largest for the layers nearest to the skin, and holds for oblique beams as it does for others

phi is that of single scattering (`data/forward_scatter.csv`, made by scripts/make_forward_scatter.py), averaged over
layers and spectrum, times 1.16 + 0.2 (1 - cos theta) for all that is scattered more often, the patient's own
backscatter that the support sends back among it: two numbers fitted to Monte Carlo. docs/physics.md holds T against
Monte Carlo and published measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skindose.calibration import Calibrations, Curve
from skindose.errors import SettingsError
from skindose.model import BoolArray, FloatArray, IntArray, Layer, Machine
from skindose.physics import data
from skindose.physics.last import remembered
from skindose.physics.quality import Quality, tables
from skindose.units import mm_to_cm

# Nominal densities, for want of the machine's own; the pad's is that under the patient's weight, the foam's that of a
# structural core. Skins of 0.75 mm, 50 mm foam and 40 mm pad let 0.68 of a narrow beam of 80 kV through; two machines
# were measured at 0.655 and 0.68.
DENSITY_GCM3 = {"carbon fibre": 1.55, "foam": 0.10, "polyurethane": 0.15}
COPPER_OFFSET_MM = 0.05  # a measured curve is interpolated in ln(copper + offset)
# Relative standard uncertainty of T where the machine itself was not measured: of nominal layers, or of another
# machine's curve (machines differ by 10 %).
MODELLED = 0.12
# phi over that of single scattering, at 0 degrees and per 1 - cos: fitted to Monte Carlo of whole supports on water.
ALL_ORDERS = (1.16, 0.2)
# Where phi is tabulated for a run: the field's side at the skin in steps of sqrt(2), the angle in steps of 15 degrees.
SIDES_MM = 5.0 * 2.0 ** (np.arange(15) / 2)
ANGLE_STEP_DEG = 15.0
_SAME_PAD_MM = 0.5
_LEAST_LOG, _MOST_TIMES = float(np.log(0.5)), 3.0  # what a support transmits, and its loss over the described layers'
MOST_HARDENED = 6.0  # supports in a row, beyond which a ray hardens no more
_PREFIX = "transmission_"  # of the measured curves' data files
_DEPTHS = (np.arange(16) + 0.5) / 16  # of a layer, for its mean


@dataclass(frozen=True)
class Support:
    """What the support does to the beams of the events.

    log_t0          (events,) ln of the transmission of a narrow perpendicular beam through all layers
    hardening       (events,) h
    per_mm          (events, layers) share of that loss per mm of path in each layer
    returned        (events, sides, angles) phi over `SIDES_MM` and multiples of `ANGLE_STEP_DEG`
    depth_mm        (events,) mean depth below the upper surface at which that loss arises
    """

    log_t0: FloatArray
    hardening: FloatArray
    per_mm: FloatArray
    returned: FloatArray
    depth_mm: FloatArray


def support(machine: Machine, beams: Quality, layers: tuple[Layer, ...], known: Calibrations | None = None) -> Support:
    """The support for each event: the site's own curve where it has one, else the profile's, else its layers.

    raises   SettingsError for a material or a measured curve that is not there, or one that no support has
    """
    mu = np.stack([_mu_per_mm(layer, machine) for layer in layers])
    thickness = np.array([layer.thickness_mm for layer in layers])
    mean = beams.kerma @ mu.T
    per_mm = mean / np.maximum(mean @ thickness, 1e-12)[:, None]
    described = np.log(beams.kerma @ np.exp(-(thickness @ mu)))
    phi = _returned(beams, layers, per_mm * thickness, mu)
    log_t0 = described
    if machine.transmission:  # taken as a narrow beam's: docs/physics.md says why
        log_t0 = _with_pad(_shipped(machine.transmission, machine), beams, described, (machine, layers))
    for index, curve in enumerate(known.curves if known else ()):
        own = known.curve == index if known else False
        seen = phi_of(phi, np.arange(len(phi)), np.ones(len(phi)), np.full(len(phi), curve.scatter_side_mm))
        narrow = _with_pad(curve, beams, described, (machine, layers)) / np.maximum(1 - seen, 1e-6)
        _believable(own & (narrow < _LEAST_LOG) & (narrow < _MOST_TIMES * described), narrow, curve, known)
        log_t0 = np.where(own, narrow, log_t0)
    twice = np.log(beams.kerma @ np.exp(-2 * (thickness @ mu)))
    scale = log_t0 / np.minimum(described, -1e-12)
    middle_mm = np.array([layer.top_mm + layer.thickness_mm / 2 for layer in layers])
    depth_mm = (per_mm * thickness) @ (middle_mm - min(layer.top_mm for layer in layers))
    return Support(log_t0, (twice / 2 - described) * scale**2, per_mm, phi, depth_mm)


def _believable(absurd: NDArray[Any], narrow: FloatArray, curve: Curve, known: Calibrations | None) -> None:
    """Refuses a record whose reading cannot have held the scatter that it says: the dose would be far too low."""
    if not absurd.any() or known is None:
        return
    event = int(np.argmax(absurd))
    seen = (
        f"with the scatter of a field of {curve.scatter_side_mm:g} mm" if curve.scatter_side_mm else "without scatter"
    )
    what = f"its transmission, {seen}, would be {np.exp(narrow[event]):.2g} of a narrow beam: no table and pad has that"
    remedy = "Check transmission and scatter_side_mm (mm; 0: a narrow beam)."
    raise SettingsError(what, f"calibration record {known.transmission_record[event]}", remedy)


@cache
def _scatter_table() -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    """Energies, radius over distance, and per material phi of a thin layer (energies, angles, ratios)."""
    lines = [line.split(",") for line in data.read_bytes("forward_scatter.csv").decode("utf-8").splitlines()]
    ratio = np.array([float(field) for field in lines[0][3:]])
    names = list(dict.fromkeys(line[0] for line in lines[1:]))
    energy = np.array(sorted({float(line[1]) for line in lines[1:]}))
    grid = np.array([[float(field) for field in line[3:]] for line in lines[1:]])
    shaped = grid.reshape(len(names), len(energy), -1, len(ratio))
    return energy, ratio, dict(zip(names, shaped, strict=True))


@remembered
def _returned(beams: Quality, layers: tuple[Layer, ...], share: FloatArray, mu: FloatArray) -> FloatArray:
    """(events, sides, angles) phi of the whole support, whose upper surface lies on the skin.

    share   (events, layers) of the loss
    """
    nodes_kev, _, per_material = _scatter_table()
    onto = np.stack([np.interp(tables().energy_kev, nodes_kev, row) for row in np.eye(len(nodes_kev))], axis=1)
    upper_mm = min(layer.top_mm for layer in layers)
    total = np.zeros((len(share), len(SIDES_MM), next(iter(per_material.values())).shape[1]))
    for index, layer in enumerate(layers):
        lost = beams.kerma * mu[index]
        weight = (lost / lost.sum(axis=1, keepdims=True)) @ onto
        mean = per_material[layer.material] @ _mean_over(layer.top_mm - upper_mm, layer.thickness_mm).T
        angles, sides = mean.shape[1:]
        over = (weight @ mean.reshape(-1, angles * sides)).reshape(-1, angles, sides)
        total += share[:, index, None, None] * over.swapaxes(1, 2)
    cosine = np.cos(np.radians(ANGLE_STEP_DEG * np.arange(total.shape[2])))
    found: FloatArray = np.minimum(total * (ALL_ORDERS[0] + ALL_ORDERS[1] * (1 - cosine)), 1.0)
    return found


def _mean_over(nearest_mm: float, thickness_mm: float) -> FloatArray:
    """(sides, ratios) weights of a layer's mean over its thickness, linear in the logarithm of radius over distance.

    A square field scatters like the round one of its area.
    """
    _, ratio, _ = _scatter_table()
    radius_mm = SIDES_MM / np.sqrt(np.pi)
    distance_mm = np.maximum(nearest_mm + thickness_mm * _DEPTHS, 1e-3)
    place = np.log(radius_mm[:, None] / distance_mm)
    return np.stack([np.interp(place, np.log(ratio), row).mean(axis=1) for row in np.eye(len(ratio))], axis=1)


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
        known = f"Known: {', '.join(curves())}."
        raise SettingsError(f"there is no measured transmission {curve!r}", "profile", known)
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


def contact_side_mm(stack: Support, event: IntArray, side_mm: FloatArray, gap_mm: FloatArray) -> FloatArray:
    """Side of the field whose forward scatter on the support equals that of a field of `side_mm` across a gap.

        side x depth / (depth + gap), since single scattering depends on the field's size over its distance alone

    gap_mm    (hits,) along the ray, from the support's upper surface to the skin; at least 0
    """
    depth = np.maximum(stack.depth_mm[event], 1e-3)
    found: FloatArray = side_mm * depth / (depth + gap_mm)
    return found


def transmission(
    stack: Support, event: IntArray, path_mm: FloatArray, cosine: FloatArray, side_mm: FloatArray
) -> FloatArray:
    """Transmission of rays, forward scatter included.

    event      (hits,) the event of each ray
    path_mm    (hits, layers) path through each layer
    cosine     (hits,) between ray and table normal, 0 to 1
    side_mm    (hits,) equivalent square side of the field at the skin, which lies on the support; else see
               `contact_side_mm`
    returns    (hits,) in (0, 1]; 1 where the ray misses the support
    """
    times = np.einsum("hl,hl->h", path_mm, stack.per_mm[event])
    loss = times * (stack.log_t0[event] + stack.hardening[event] * (np.minimum(times, MOST_HARDENED) - 1))
    found: FloatArray = np.exp(loss * (1 - phi_of(stack.returned, event, cosine, side_mm)))
    return found


def phi_of(returned: FloatArray, event: NDArray[Any], cosine: FloatArray, side_mm: FloatArray) -> FloatArray:
    """(hits,) phi for each ray; beyond the table's last angle and sides its edge, 0 without a field.

    returned   as of `Support`; other arguments as of `transmission`
    """
    sides, angles = returned.shape[1:]
    step = np.log(np.maximum(side_mm, 1e-6) / SIDES_MM[0]) / np.log(SIDES_MM[1] / SIDES_MM[0])
    low, up = _between(step, sides)
    left, right = _between(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))) / ANGLE_STEP_DEG, angles)
    flat = returned.reshape(-1)
    corner = (event * sides + low) * angles + left
    near = flat.take(corner) * (1 - right) + flat.take(corner + 1) * right
    far = flat.take(corner + angles) * (1 - right) + flat.take(corner + angles + 1) * right
    found: FloatArray = (near + (far - near) * up) * np.minimum(1.0, side_mm / SIDES_MM[0])
    return found


def _between(place: FloatArray, nodes: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Index of the node below each place and the share of the one above; clamped."""
    clamped = np.clip(place, 0.0, nodes - 1.0)
    low = np.minimum(clamped.astype(np.int64), nodes - 2)
    return low, clamped - low


def standard_uncertainty(machine: Machine, events: int, known: Calibrations | None = None) -> FloatArray:
    """(events,) relative standard uncertainty of a perpendicular ray's T.

    That of the machine's own curve, else `MODELLED`, 0 without a table.
    """
    found = np.full(events, MODELLED if machine.has_table else 0.0)
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
        f"{len(names)} events); forward scatter reckoned."
        for name in dict.fromkeys(filter(None, names))
    )
    if all(names):
        return own
    if machine.transmission:
        return (
            *own,
            f"Table and pad: perpendicular transmission measured on such a machine ({machine.transmission}), not on "
            "this one (machines differ by 10 % and more), taken as a narrow beam's; forward scatter reckoned.",
        )
    layers = ", ".join(f"{layer.thickness_mm:g} mm {layer.material}" for layer in machine.support)
    return (
        *own,
        f"Table and pad: computed for described layers ({layers}) of nominal density, no measurement of this machine; "
        "forward scatter reckoned.",
    )
