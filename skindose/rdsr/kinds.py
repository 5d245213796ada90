"""What a DICOM file is that is no usable dose report, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

X_RAY_DOSE = "1.2.840.10008.5.1.4.1.1.88.67"
# Storage classes that a dose report may come in: the dose report's own, and the older general ones.
REPORT_CLASSES: Mapping[str, str] = {
    X_RAY_DOSE: "an X-ray radiation dose report",
    "1.2.840.10008.5.1.4.1.1.88.11": "a basic text report",
    "1.2.840.10008.5.1.4.1.1.88.22": "an enhanced structured report",
    "1.2.840.10008.5.1.4.1.1.88.33": "a comprehensive structured report",
    "1.2.840.10008.5.1.4.1.1.88.34": "a comprehensive 3D structured report",
}
_OTHERS = {
    "1.2.840.10008.5.1.4.1.1.88.68": "a radiopharmaceutical dose report",
    "1.2.840.10008.5.1.4.1.1.88.73": "a patient radiation dose report (computed elsewhere)",
    "1.2.840.10008.5.1.4.1.1.88.76": "an enhanced X-ray radiation dose report, which is not supported yet",
    "1.2.840.10008.5.1.4.1.1.88.40": "a procedure log",
    "1.2.840.10008.5.1.4.1.1.88.50": "a mammography CAD report",
    "1.2.840.10008.5.1.4.1.1.88.59": "a key object selection",
    "1.2.840.10008.1.3.10": "a DICOMDIR, the index of a medium",
    "1.2.840.10008.3.1.2.3.3": "a performed procedure step",
}
_ROOTS = {
    "113811": "a CT dose report",
    "113500": "a radiopharmaceutical dose report",
    "113507": "a patient radiation dose report",
    "113710": "an enhanced X-ray radiation dose report",
}
_CT, _MAMMOGRAPHY = ("77477000", "P5-08000"), ("71651007", "P5-40010")


def other_class(sop_class_uid: str, modality: str) -> str | None:
    """What a file of this SOP Class is, "an ultrasound image, say"; None where it may be a dose report."""
    if sop_class_uid in REPORT_CLASSES or (not sop_class_uid and modality == "SR"):
        return None
    if sop_class_uid in _OTHERS:
        return _OTHERS[sop_class_uid]
    if not sop_class_uid:
        return "a DICOM file without a SOP Class UID"
    return f"a DICOM object of modality {modality or 'unknown'}, such as an image"


def other_report(root: str, procedure: str) -> str | None:
    """What a report with this root concept and this procedure reported (code values) is; None for projection X-ray."""
    if root in _ROOTS:
        return _ROOTS[root]
    if procedure in _CT:
        return "a CT dose report"
    if procedure in _MAMMOGRAPHY:
        return "a mammography dose report"
    return None
