"""DICOM file -> Procedure: everything the report says, exactly as it says it."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

from skindose.errors import InputError
from skindose.model import InputFile, Item, Procedure
from skindose.rdsr import kinds
from skindose.rdsr.content import Content, decoder
from skindose.rdsr.header import header
from skindose.rdsr.walk import CutShortError, DataSet, NonsenseError, data_set, group_2

LARGEST_BYTES = 200 * 2**20
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_EVENT, _ACCUMULATED = "irradiation_event_x_ray_data", "accumulated_x_ray_dose_data"
_FROM_ROOM = "Export the dose report (RDSR) again from the X-ray system or the archive."


def read(path: Path | str) -> Procedure:
    """The dose report in a file.

    raises   InputError: one line that says what the file is or lacks, and what to do
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError("this is not a regular file", path.name, "Give the DICOM file itself.")
            if status.st_size > LARGEST_BYTES:
                raise InputError("the file is too large for a dose report", path.name, _FROM_ROOM)
            data = file.read()
    except OSError as error:
        raise _unreadable(error, path) from None
    return read_bytes(data, path.name)


def _unreadable(error: OSError, path: Path) -> InputError:
    if isinstance(error, IsADirectoryError):
        return InputError("this is a folder", path.name, "Give the files in it.")
    if isinstance(error, FileNotFoundError):
        return InputError("there is no such file", path.name, "Check the name.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError("no permission to read the file", path.name, "Mend its access rights.")
    return InputError(
        f"cannot read the file ({(error.strerror or 'unknown reason').lower()})", path.name, "Check the disk."
    )


def read_bytes(data: bytes, name: str) -> Procedure:
    """The dose report in the bytes of a DICOM file; `name` is what errors and results call it.

    raises   InputError
    """
    try:
        root = _root(data, name)
    except CutShortError:
        raise InputError(
            "the file is cut short: its end, with irradiation events, may be lost", name, _FROM_ROOM
        ) from None
    except NonsenseError as error:
        raise InputError(f"the file is damaged ({error})", name, _FROM_ROOM) from None
    sets = root.get(0x00080005, b"")
    content = Content(decoder(sets.decode("ascii", "replace").rstrip("\0 ") if isinstance(sets, bytes) else ""))
    procedure = _procedure(
        root, content, InputFile(name, hashlib.sha256(data).hexdigest(), content.text(root, 0x00080018))
    )
    _refuse_empty(procedure, name)
    return procedure


def _root(data: bytes, name: str) -> DataSet:
    """The data set, whatever its transfer syntax."""
    if not data:
        raise InputError("the file is empty", name, _FROM_ROOM)
    if data[128:132] == b"DICM":
        meta, start = group_2(data, 132)
        syntax = meta.get(0x00020010, b"")
        syntax_uid = syntax.decode("ascii", "replace").rstrip("\0 ") if isinstance(syntax, bytes) else ""
        if len(data) <= start:
            raise CutShortError
    else:
        start, syntax_uid = _bare_start(data, name)
    if syntax_uid in (_IMPLICIT, _EXPLICIT):
        return data_set(data, start, syntax_uid == _EXPLICIT)
    return data_set(_recoded(data, name), 0, False)


def _bare_start(data: bytes, name: str) -> tuple[int, str]:
    """Start and transfer syntax of a data set without the DICOM preamble: it must begin as data sets do."""
    group = int.from_bytes(data[:2], "little")
    if group == 2:
        meta, start = group_2(data, 0)
        syntax = meta.get(0x00020010, b"")
        return start, syntax.decode("ascii", "replace").rstrip("\0 ") if isinstance(syntax, bytes) else ""
    if group != 8 or len(data) < 12:
        raise InputError("this is not a DICOM file", name, "Give RDSR files, as exported by the X-ray system.")
    return 0, _EXPLICIT if data[4:6].isalpha() and data[4:6].isupper() else _IMPLICIT


def _recoded(data: bytes, name: str) -> bytes:
    """A data set in a rarer transfer syntax (big endian, deflated), recoded by pydicom as implicit little endian."""
    import pydicom

    try:
        found = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
        out = io.BytesIO()
        pydicom.dcmwrite(
            out, found, implicit_vr=True, little_endian=True, force_encoding=True, enforce_file_format=False
        )
    except Exception as error:  # pydicom raises many kinds on damaged files; all mean the same here
        raise InputError(f"the file cannot be read as DICOM ({type(error).__name__})", name, _FROM_ROOM) from None
    recoded = out.getvalue()
    if recoded[128:132] == b"DICM":
        return recoded[group_2(recoded, 132)[1] :]
    return recoded


def _procedure(root: DataSet, content: Content, source: InputFile) -> Procedure:
    sop_class, modality = content.text(root, 0x00080016), content.text(root, 0x00080060)
    _refuse(kinds.other_class(sop_class, modality), source.name)
    items = content.items(root)
    concept = content.code(root, 0x0040A043)
    reported = next((item.code.value for item in items if item.name == "procedure_reported" and item.code), "")
    _refuse(kinds.other_report(concept.value if concept else "", reported), source.name)
    events, accumulated, context = _sorted_out(items)
    if not events and not accumulated and sop_class != kinds.X_RAY_DOSE:
        _refuse(kinds.REPORT_CLASSES.get(sop_class, "a structured report"), source.name)
    warnings = list(dict.fromkeys(content.warnings))
    events = once_each(events, warnings)
    head = header(lambda tag: content.text(root, tag), (*context, *events[:1]), warnings)
    return Procedure((source,), head, context, accumulated, events, tuple(warnings))


def _sorted_out(items: tuple[Item, ...]) -> tuple[tuple[Item, ...], tuple[Item, ...], tuple[Item, ...]]:
    """Events and accumulated data wherever they stand, and the rest of the root."""
    every = [inner for item in items for inner in (item, *item.walk())]
    events = tuple(item for item in every if item.name == _EVENT and item.children)
    accumulated = tuple(item for item in every if item.name == _ACCUMULATED and item.children)
    return events, accumulated, tuple(item for item in items if item.name not in (_EVENT, _ACCUMULATED))


def event_uid(event: Item) -> str:
    """Irradiation Event UID of an event container, "" where it has none."""
    return next((item.text.strip() for item in event.walk() if item.name == "irradiation_event_uid"), "")


def once_each(events: tuple[Item, ...], warnings: list[str]) -> tuple[Item, ...]:
    """Each Irradiation Event UID once: of repeated ones the one that says most, the later at a tie; all without UID."""
    best: dict[str, Item] = {}
    nameless = 0
    for event in events:
        uid = event_uid(event)
        if not uid:
            nameless += 1
            uid = f"without UID {nameless}"
        if uid not in best or said(event) >= said(best[uid]):
            best[uid] = event
    if len(best) < len(events):
        warnings.append(f"{len(events) - len(best)} irradiation events stand twice (same UID); each is counted once.")
    if nameless:
        warnings.append(f"{nameless} irradiation events have no UID; each is counted.")
    return tuple(best.values())


def said(event: Item) -> int:
    """How many values an event holds."""
    return sum(bool(item.values or item.text or item.code) for item in event.walk())


def _refuse(what: str | None, name: str) -> None:
    if what:
        raise InputError(f"this is {what}, not an X-ray dose report of a fluoroscopy system", name, "Give RDSR files.")


_DOSE_NAMES = ("dose_rp", "dose_area_product", "dose_rp_total", "dose_area_product_total", "total_fluoro_time",
               "entrance_exposure_at_rp", "fluoro_dose_rp_total", "acquisition_dose_rp_total")  # fmt: skip
_BREAST_NAMES = ("average_glandular_dose", "accumulated_average_glandular_dose")


def _refuse_empty(procedure: Procedure, name: str) -> None:
    """Refuse reports that say nothing a skin dose could follow from."""
    if not procedure.events and not procedure.accumulated:
        raise InputError("the dose report has neither irradiation events nor totals", name, _FROM_ROOM)
    found = {item.name for part in (*procedure.events, *procedure.accumulated) for item in part.walk() if item.values}
    if found.intersection(_DOSE_NAMES):
        return
    if found.intersection(_BREAST_NAMES):
        _refuse("a mammography dose report", name)
    raise InputError("the dose report holds no dose at all", name, _FROM_ROOM)
