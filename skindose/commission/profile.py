"""The commissioned profile: what the shots determine, over the profile that the file would get anyway."""

from __future__ import annotations

import datetime
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from skindose import geometry, normalise
from skindose.commission.hypotheses import TURNS
from skindose.commission.shots import AXES, Shots
from skindose.commission.toml import to_toml
from skindose.commission.verdict import NAMES, Verdict
from skindose.config import Settings
from skindose.errors import SkindoseError
from skindose.model import FloatArray, Header, Placement, Procedure
from skindose.normalise import Profile
from skindose.normalise.profiles import parse

# The pipeline and the fit must say the same of a shot; what is written is rounded to 0.1 mm and 0.01 degree.
SAME_MM = 0.3
_SPECIAL = r"\.^$*+?{}[]|()"


def build(base: Profile, shots: Shots, verdict: Verdict, procedure: Procedure, by: str, date: datetime.date) -> Profile:
    """The commissioned profile.

    by   the physicist's name
    """
    values = base.model_dump()
    hypothesis, found = verdict.found.fit.hypothesis, verdict.found
    stand = hypothesis.stand._asdict()
    turns = {f"{turn}_sign": stand.pop(f"{turn}_sign") for turn in TURNS}
    values |= stand | _angle_zeros(base, verdict)
    values["table"] |= turns | {axis: _axis(base, shots, verdict, j) for j, axis in enumerate(AXES)}
    header = procedure.header
    room = header.device_serial_number.strip() or header.station.strip()
    family = base.commissioning.inherits if base.commissioning else base.name
    rms = rms_mm(shots, verdict)
    values |= {
        "name": _slug(f"{family}-{room}") if room else f"{family}-commissioned",
        "title": f"{base.title.split(', commissioned')[0]}, commissioned{f' ({_shown(room)})' if room else ''}",
        "status": "commissioned",
        "date": date,
        "match": _match(base, header),
    }
    values["commissioning"] = {
        "by": by,
        "report_sha256": procedure.inputs[0].sha256,
        "shots": len(shots) - len(found.left_out),
        "left_out": tuple(int(shots.event[shot]) + 1 for shot in found.left_out),
        "rms_mm": round(rms, 2),
        "inherits": base.name,
        "determined": verdict.determined,
        "inherited": tuple(each.name for each in verdict.open),
    }
    values["evidence"] = _evidence(base, verdict, values)
    first = f"skindose commission, {values['commissioning']['shots']} shots, {date.isoformat()}, by {by}"
    values["sources"] = (first, *(source for source in base.sources if not source.startswith("skindose commission")))
    return Profile.model_validate(values)


def _axis(base: Profile, shots: Shots, verdict: Verdict, axis: int) -> dict[str, Any]:
    """Our value is c = sign * (item - own zero - offset): the zero in our sense, times the sign, is the reading's."""
    table = verdict.found.fit.hypothesis.table
    channel, sign = table.axes[axis], table[1 + axis]
    read: Any = getattr(base.table, AXES[channel])
    zero = round(float(sign * verdict.found.fit.zeros_mm[axis]), 1)
    own = shots.own_zero[channel]
    zeros = {"zero_items": read.zero_items, "zero_mm": read.zero_mm, "offset_mm": zero} if own else {"zero_mm": zero}
    return {"items": read.items, "sign": sign, "zero": "known", **zeros}


def _angle_zeros(base: Profile, verdict: Verdict) -> dict[str, float]:
    """Zeros of the stand's angles; where they are not told apart from 0 they are 0, whatever the profile had."""
    primary, secondary = (round(float(zero), 2) for zero in verdict.found.fit.angle_zeros_deg)
    return {"primary_zero_deg": primary, "secondary_zero_deg": secondary}


def _match(base: Profile, header: Header) -> dict[str, Any]:
    """This machine alone: maker and model, and its serial number or else its station."""
    serial, station = header.device_serial_number.strip(), header.station.strip()
    match: dict[str, Any] = {
        "manufacturer": _exactly(header.manufacturer) or base.match.manufacturer,
        "model": _exactly(header.model) or base.match.model,
        "serial_number": _exactly(serial),
        "station": "" if serial else _exactly(station),
        "priority": base.match.priority,
    }
    if not header.model.strip():
        match |= {"present": base.match.present, "absent": base.match.absent}
    return match


def _exactly(text: str) -> str:
    """A pattern for this text alone; what cannot be printed matches anything."""
    signs = ("." if not sign.isprintable() else f"\\{sign}" if sign in _SPECIAL else sign for sign in text.strip())
    inside = "".join(signs)
    return rf"^\s*{inside}\s*$" if inside else ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:80]


def _shown(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def rms_mm(shots: Shots, verdict: Verdict) -> float:
    """Root mean square distance of the markers from the central rays, over the shots that count."""
    off = np.linalg.norm(verdict.found.fit.residual_mm, axis=-1)
    return float(np.sqrt(np.mean(np.delete(off, verdict.found.left_out) ** 2)))


def _evidence(base: Profile, verdict: Verdict, values: dict[str, Any]) -> str:
    made = values["commissioning"]
    left_out = f" ({len(made['left_out'])} more left out as mistaken)" if made["left_out"] else ""
    errors = ", ".join(
        f"{axis.replace('_', '-')} {error:.1f} mm" for axis, error in zip(AXES, verdict.error_mm, strict=True)
    )
    inherited = "; ".join(NAMES[name] for name in made["inherited"]) or "nothing"
    former = "" if base.commissioning else f"; of them that profile says: {' '.join(base.evidence.split())}"
    return (
        f"Commissioned on {values['date'].isoformat()} by {made['by']}: a marker at known places of the table top "
        f"centred in {made['shots']} shots{left_out}, {made['rms_mm']:g} mm rms from the central rays (report sha256 "
        f"{made['report_sha256']}). Standard errors of the table's zeros: {errors}. Of the conventions that a shot can "
        f"tell, not determined and inherited from {base.name} ({base.status}): {inherited}. Distances, field, support, "
        f"filters and everything else are inherited too{former}"
    )


def text(profile: Profile, base: Profile, verdict: Verdict) -> str:
    """The profile's file, with a remark at every value that the shots determined.

    raises   SkindoseError if it would not be read back as what it is
    """
    head = (
        f"Written by `skindose commission` on {profile.date.isoformat()}.\n"
        f"Keys with a remark come from the shots; all others from the profile {base.name} ({base.status})."
    )
    written = to_toml(profile, head, _remarks(base, verdict))
    if parse(written, "profile") != profile:
        raise SkindoseError("the profile would not be read back as it is", "", "Report it to the makers.")
    return written


def _remarks(base: Profile, verdict: Verdict) -> dict[str, str]:
    table = {
        f"table.{axis}": f"determined; standard error of the zero {error:.1f} mm"
        for axis, error in zip(AXES, verdict.error_mm, strict=True)
    }
    zeros = {
        f"{which}_zero_deg": f"determined; standard error {error:.2f} degrees"
        for which, error in zip(("primary", "secondary"), verdict.error_deg, strict=True)
        if not np.isnan(error)
    }
    senses = [name for name in NAMES if name not in ("table_axes", *(f"{axis}_sign" for axis in AXES))]
    turns = tuple(f"{turn}_sign" for turn in TURNS)
    stand = {
        f"table.{name}" if name in turns else name: "determined"
        if name in verdict.determined
        else f"not determined; inherited from {base.name}"
        for name in senses
    }
    return {**table, **zeros, **stand}


def through_the_pipeline(procedure: Procedure, written: str, shots: Shots, usual: str) -> FloatArray:
    """(shots,) distance of each marker from the central ray that a run with this profile places on the table.

    NaN where the event would not be mapped, or is registered otherwise than the rest of the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(written, encoding="utf-8")
        settings = Settings(profile=str(path))
        events = normalise.normalise(procedure, settings)
    usual = usual or "hfs"
    lying = Placement(np.eye(3), np.zeros(3), np.zeros(3), usual, usual, {}, "")
    beams = geometry.beams(events, lying, settings)
    found = np.full(len(shots), np.nan)
    for shot, event in enumerate(shots.event):
        beam = np.flatnonzero(beams.event == event)
        if len(beam) and shots.orientation[shot] == usual:
            away = shots.marker_mm[shot] - beams.source_mm[beam[0]]
            found[shot] = np.linalg.norm(np.cross(away, beams.axis[beam[0]]))
    return found


def prove(procedure: Procedure, written: str, shots: Shots, verdict: Verdict, usual: str) -> int:
    """How many shots a run with the profile sees as the fit does; all of them that it maps, or an error.

    raises   SkindoseError if a run would understand the profile otherwise than it was found
    """
    seen = through_the_pipeline(procedure, written, shots, usual)
    fitted = np.linalg.norm(verdict.found.fit.residual_mm, axis=-1)
    differ = np.abs(seen - fitted)
    if np.any(differ > SAME_MM):
        worst = int(np.nanargmax(differ))
        what = f"a run with this profile would put event {shots.event[worst] + 1} {differ[worst]:.1f} mm elsewhere"
        raise SkindoseError(what, "", "Keep the files and report it to the makers; nothing was written.")
    return int(np.isfinite(seen).sum())
