"""The demonstration: a long coronary intervention whose peak skin dose exceeds 3 Gy."""

from __future__ import annotations

from pathlib import Path

from skindose.rdsr.write import HEART, WrittenEvent, WrittenProcedure, write
from skindose.units import mgy_to_gy, mm2_to_cm2

# Working projections of an occlusion of the right coronary artery: primary and secondary angle, kVp, copper,
# side of the field at the reference point, share of the air kerma.
_PROJECTIONS = (
    (38.0, 2.0, 92.0, 0.3, 100.0, 0.52),
    (30.0, 24.0, 108.0, 0.2, 105.0, 0.24),
    (-30.0, -18.0, 88.0, 0.4, 110.0, 0.12),
    (2.0, 28.0, 98.0, 0.3, 115.0, 0.08),
    (0.0, 0.0, 76.0, 0.6, 140.0, 0.04),
)
_ROUNDS = 8  # how often the operator goes through the projections, each time fluoroscopy and then cine
_TOTAL_MGY = 6400.0
_SOURCE_TO_ISOCENTRE_MM = 750.0
_SOURCE_TO_DETECTOR_MM = 1050.0


def demo_procedure() -> WrittenProcedure:
    """The procedure as described; the same at every call."""
    events = [
        _event(round_, projection, fluoroscopy)
        for round_ in range(_ROUNDS)
        for projection in range(len(_PROJECTIONS))
        for fluoroscopy in (True, False)
    ]
    return WrittenProcedure(
        events=tuple(events),
        manufacturer="Skindose Demo",
        model="Synthetic C-arm",
        description="Coronary angiography and PCI, chronic total occlusion",
        height_cm=178.0,
        weight_kg=84.0,
        sex="M",
        age="061Y",
        seed="demo",
    )


def _event(round_: int, projection: int, fluoroscopy: bool) -> WrittenEvent:
    primary, secondary, kvp, copper_mm, side_mm, share = _PROJECTIONS[projection]
    minute = 6 * round_ + projection
    kerma_mgy = _TOTAL_MGY / _ROUNDS * share * (0.7 if fluoroscopy else 0.3)
    seconds = 260.0 * share if fluoroscopy else 20.0 * share
    at_detector = _SOURCE_TO_DETECTOR_MM / (_SOURCE_TO_ISOCENTRE_MM - 150.0)
    wander_mm = float((7 * round_ + 3 * projection) % 11 - 5)  # the table never stands still for long
    return WrittenEvent(
        air_kerma_rp_mgy=round(kerma_mgy, 4),
        kap_gycm2=round(mgy_to_gy(kerma_mgy) * mm2_to_cm2(side_mm**2), 5),
        event_type="fluoroscopy" if fluoroscopy else "stationary acquisition",
        started=f"20260101{8 + minute // 60:02d}{minute % 60:02d}{0 if fluoroscopy else 45:02d}",
        protocol="Coro fluoro 15 p/s" if fluoroscopy else "Coro cine 15 fps",
        target_region=HEART,
        filters_mm=(("copper", copper_mm if fluoroscopy else 0.1),),
        positioner_primary_angle_deg=primary + wander_mm / 8,
        positioner_secondary_angle_deg=secondary,
        collimated_field_area_mm2=round((side_mm * at_detector) ** 2, 1),
        pulse_rate_per_s=15.0,
        number_of_pulses=round(15 * seconds),
        pulse_width_ms=7.0,
        irradiation_duration_s=round(seconds, 2),
        kvp_kv=kvp,
        x_ray_tube_current_ma=150.0 if fluoroscopy else 700.0,
        distance_source_to_isocenter_mm=_SOURCE_TO_ISOCENTRE_MM,
        distance_source_to_detector_mm=_SOURCE_TO_DETECTOR_MM,
        table_longitudinal_position_mm=-15.0 + wander_mm,
        table_lateral_position_mm=455.0 + wander_mm,
        table_height_position_mm=155.0,
        table_head_tilt_angle_deg=0.0,
        table_horizontal_rotation_angle_deg=0.0,
        table_cradle_tilt_angle_deg=0.0,
    )


def write_demo(path: Path) -> Path:
    """Write the demonstration's dose report.

    raises   OutputError
    """
    return write(demo_procedure(), path)
