"""What a DICOM file is that is no usable dose report, in a sentence.

UIDs from DICOM PS3.4, B.5; codes from PS3.16, CID 10021 (procedure reported), CID 10016 (anode target material).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from skindose.model import Code, Item

_SR = "1.2.840.10008.5.1.4.1.1.88."
X_RAY_DOSE = _SR + "67"
# Storage classes that a dose report may come in: the dose report's own, and the older general ones.
REPORT_CLASSES: Mapping[str, str] = {
    X_RAY_DOSE: "an X-ray radiation dose report",
    _SR + "11": "a basic text report",
    _SR + "22": "an enhanced structured report",
    _SR + "33": "a comprehensive structured report",
    _SR + "34": "a comprehensive 3D structured report",
    _SR + "35": "an extensible structured report",
}
_OTHERS = {
    _SR + "40": "a procedure log",
    _SR + "50": "a mammography CAD report",
    _SR + "59": "a key object selection",
    _SR + "65": "a chest CAD report",
    _SR + "68": "a radiopharmaceutical dose report",
    _SR + "69": "a colon CAD report",
    _SR + "73": "a patient radiation dose report (computed elsewhere)",
    _SR + "74": "a report of a planned imaging agent",
    _SR + "75": "a report of a performed imaging agent",
    _SR + "76": "an enhanced X-ray radiation dose report, which is not supported yet",
    "1.2.840.10008.5.1.4.1.1.104.1": "an encapsulated PDF document",
    "1.2.840.10008.1.3.10": "a DICOMDIR, the index of a medium",
    "1.2.840.10008.3.1.2.3.3": "a performed procedure step",
}
_ROOTS = {
    "113500": "a radiopharmaceutical dose report",
    "128401": "a patient radiation dose report (computed elsewhere)",
}
_CT, _MAMMOGRAPHY = frozenset(("77477000", "P5-08000")), frozenset(("71651007", "P5-40010"))
_CT_CONTENT = frozenset(("ct_accumulated_dose_data", "ct_acquisition"))
_BREAST = frozenset(("average_glandular_dose", "accumulated_average_glandular_dose"))
_BREAST_TARGETS = frozenset(("71128006", "C-15000", "C-150F9", "59801003", "C-16700", "C-167F9"))  # Mo, Rh
_DOSE = frozenset((
    "dose_rp", "dose_area_product", "entrance_exposure_at_rp", "total_fluoro_time",
    *(f"{kind}{what}_total" for kind in ("", "fluoro_", "acquisition_") for what in ("dose_rp", "dose_area_product")),
))  # fmt: skip


def other_class(sop_class_uid: str, modality: str, has_rows: bool) -> str | None:
    """What a file of this SOP Class is, "an image (...)", say; None where it may be a dose report."""
    if sop_class_uid in REPORT_CLASSES or (not sop_class_uid and modality == "SR"):
        return None
    if sop_class_uid in _OTHERS:
        return _OTHERS[sop_class_uid]
    from pydicom.uid import UID

    # Never as the file spells them: a damaged file may hold anything in these places.
    name = UID(sop_class_uid).name if re.fullmatch(r"[0-9.]{1,64}", sop_class_uid) else ""
    name = name or f"modality {modality if re.fullmatch('[A-Z0-9]{1,16}', modality) else 'unknown'}"
    if has_rows or "Image Storage" in name:
        return f"an image ({name})"
    return f"a DICOM object of another kind ({name})"


def other_report(root: Code | None, context: Sequence[Item]) -> str | None:
    """What a report of this title and these items of the root is; None where it may be a projection X-ray report."""
    if root and root.value in _ROOTS:
        return _ROOTS[root.value]
    procedures = {item.code.value for item in context if item.name == "procedure_reported" and item.code}
    if procedures & _CT or any(item.name in _CT_CONTENT for item in context):
        return "a CT dose report"
    if procedures & _MAMMOGRAPHY:
        return "a mammography dose report"
    return None


def is_breast(events: Sequence[Item], accumulated: Sequence[Item]) -> bool:
    """Whether a projection X-ray report is one of mammography: a breast's dose without the skin's, or its targets."""
    inside = [item for holder in (*events, *accumulated) for item in holder.walk()]
    targets = {item.code.value for item in inside if item.name == "anode_target_material" and item.code}
    if targets & _BREAST_TARGETS:
        return True
    named = {item.name for item in inside if item.values}
    return bool(named & _BREAST) and "dose_rp" not in named and "dose_rp_total" not in named


def holds_dose(events: Sequence[Item], accumulated: Sequence[Item]) -> bool:
    """Whether there is any number that a skin dose, or at least a trigger, could follow from."""
    return any(item.values and item.name in _DOSE for holder in (*events, *accumulated) for item in holder.walk())
