"""The commands of those who look: the window, the picture, the PDF, two results side by side, and their sum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skindose.printing import AsJson, print_json

Folder = Annotated[Path, typer.Argument(metavar="RESULT", help="folder that run wrote", show_default=False)]
ScaleGy = Annotated[
    float | None, typer.Option(min=0.001, max=100, help="end of the scale in Gy, so that two patients compare")
]
Identified = Annotated[
    Path | None, typer.Option(metavar="RDSR", help="put the patient's name, number and birth date of this file in")
]


def add_to(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    for command in (view, picture, pdf, compare):
        app.command()(command)
    app.command("sum")(add_up)


def view(
    result: Folder,
    screenshot: Annotated[Path | None, typer.Option(help="write a PNG instead of opening a window")] = None,
    from_: Annotated[str | None, typer.Option("--view", help="back, front, left, right, head, feet")] = None,
    event: Annotated[int | None, typer.Option(min=1, help="event whose beam is shown, dose up to it")] = None,
    scale_gy: ScaleGy = None,
    by: Annotated[str, typer.Option(help="who corrects, for a corrected result that is saved")] = "",
) -> None:
    """Look at a result in a window: turn it, step through the events, move the patient, save the correction."""
    from skindose import viewer

    viewer.view(result, screenshot=screenshot, view=from_, event=event, scale_gy=scale_gy, by=by)


def picture(
    result: Folder,
    out: Annotated[Path | None, typer.Option(help="PNG to write; default the result's name .png")] = None,
    scale_gy: ScaleGy = None,
    width: Annotated[int, typer.Option(min=400, max=6400, help="pixels")] = 1600,
) -> None:
    """Back, front, left and right of a result in one image, with scale and legend."""
    from skindose import folder
    from skindose.report.picture import picture_png
    from skindose.units import gy_to_mgy

    stored = folder.open_result(result)
    end_mgy = None if scale_gy is None else gy_to_mgy(scale_gy)
    target = out or Path(f"{stored.path.absolute().name}.png")
    folder.write_file(target, picture_png(stored.facts, stored.phantom, stored.dose_mgy, width, end_mgy), b"\x89PNG")
    typer.echo(f"Written: {target}")


def pdf(
    result: Folder,
    out: Annotated[Path | None, typer.Option(help="PDF to write; default the result's name .pdf")] = None,
    identified: Identified = None,
) -> None:
    """The two-page dose report: one for clinicians, one for physicists. Without the patient's name unless asked."""
    from skindose import paper

    typer.echo(f"Written: {paper.write_report(result, out, identified)}")


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="folder that run wrote, or a map of verify --maps", show_default=False)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="another one", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="folder for the picture and page of the difference")] = None,
    as_json: AsJson = False,
) -> None:
    """Two results side by side, and where their maps differ."""
    from skindose import compare as room
    from skindose.report import comparison

    document = room.run(a, b, out)
    if as_json:
        print_json(document)
    else:
        comparison.print_comparison(document)


def add_up(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT...", help="folders that run wrote, of one patient", show_default=False),
    ],
    window: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="only so many days before the newest; default all")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for cumulative.json and the picture of the sum")] = None,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="add them although sex or ages contradict each other")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add the maps of several procedures of one patient: the peak of the sum, and which procedure drives it."""
    from skindose import sums
    from skindose.report import cumulative

    document, files = sums.run(results, window, out, same_patient)
    if as_json:
        print_json(document)
    else:
        cumulative.print_sum(document, files)
