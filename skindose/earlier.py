"""Earlier procedures of the same patient, as mails and reports tell of them: out of the sums in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from skindose import site
from skindose.errors import SettingsError
from skindose.report import counted
from skindose.report.counted import Earlier
from skindose.report.findings import trigger_row
from skindose.triggers import followup
from skindose.triggers.followup import Due
from skindose.units import mgy_to_gy

Sum = Mapping[str, Any]  # as registry.sums has it


class Counted(NamedTuple):
    """Earlier procedures in a mail.

    words      None: they were not looked for
    findings   of rules that count them, as in result.json
    raised     sums that raised alerts of the mail
    """

    words: Earlier | None
    findings: list[dict[str, Any]]
    raised: Sequence[Sum]


def in_mail(procedure: int, sums_of_alerts: Iterable[int]) -> Counted:
    """What a mail says of earlier procedures: of the window that an alert is about, else of the longest.

    sums_of_alerts   keys of the sums that raised alerts of this mail
    raises           RegistryError
    """
    from skindose.registry import sums

    known, raised = sums.known(procedure), [sums.of(key) for key in sums_of_alerts]
    holding = known.sums if known else []
    findings = [finding for one in (*holding, *raised) for finding in one["findings"]]
    if raised:
        windows = [one["window_days"] for one in raised]
        chosen = next((one for one in holding if one["window_days"] in windows), raised[0])
    elif holding:
        chosen = max(holding, key=lambda one: one["window_days"] or 0)
    else:
        return Counted(_without_sum(known.nearest_days) if known else None, findings, raised)
    return Counted(told(chosen, known.highest_mgy if known else None), findings, raised)


def _without_sum(nearest_days: int | None) -> Earlier | None:
    """None where a sum is still to be made, or the site's file has a mistake, which keeps no mail waiting."""
    from skindose.registry import home

    if nearest_days is None:
        return Earlier(0, None)
    try:
        days = site.load(home.place().folder).cumulative_window_days
    except SettingsError:
        return None
    return Earlier(0, days) if nearest_days > days else None


def told(chosen: Sum, highest_mgy: float | None) -> Earlier:
    """A sum in the words of a mail; highest_mgy: the peak of one before that is watched for life."""
    document = chosen["document"]
    peak, totals = document["peak"], document["totals"]
    return Earlier(
        procedures=len(document["procedures"]) - 1,
        window_days=chosen["window_days"],
        peak_mgy=peak["skin_dose_mgy"] if peak else None,
        interval_95_mgy=tuple(peak["interval_95_mgy"]) if peak and peak["interval_95_mgy"] else None,
        air_kerma_mgy=totals["air_kerma_mgy"],
        kap_gycm2=totals["kap_gycm2"],
        lower_bound=bool(peak and peak["lower_bound_reason"]),
        overlap_assumed=any("overlap by construction" in note for note in document["notes"]),
        highest_mgy=highest_mgy,
    )


def judged_with(
    triggers: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The findings of a result, of which those that count earlier procedures are the sum's."""
    of_sum = {(one["rule"], one["quantity"]): one for one in findings}
    return [of_sum.get((one["rule"], one["quantity"]), one) for one in triggers]


def in_report(procedure: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What an exported result.json says beside the stored one; empty where nobody knows.

    The block `earlier`, and `triggers` with the sum's findings in the place of those of this procedure alone.

    raises   RegistryError
    """
    from skindose.registry import sums

    known = sums.known(procedure)
    if known is None or (not known.sums and _without_sum(known.nearest_days) is None):
        return {}
    found = [finding for one in known.sums for finding in one["findings"]]
    triggers = judged_with(facts["triggers"], found)
    return {"earlier": counted.block(known.sums, known.highest_mgy), "triggers": triggers}


def contacts(planned: tuple[Due, ...], raised: Iterable[Sum], day: date | None) -> tuple[Due, ...]:
    """The follow-up of the procedure with what sums ask for, counted from its day, in order of time."""
    wanted = {one.name: one for one in planned}
    if day is None:
        return planned
    for one in raised:
        peak = one["document"]["peak"]
        peak_gy = mgy_to_gy(peak["skin_dose_mgy"]) if peak else None
        bound = bool(peak and peak["lower_bound_reason"])
        due = followup.due(
            followup.plan(peak_gy, followup.starts({"triggers": one["findings"]}), lower_bound=bound), day
        )
        wanted |= {each.name: each for each in due}
    return tuple(sorted(wanted.values(), key=lambda one: one.first))


def shown(procedure: int) -> list[dict[str, Any]]:
    """The sums of a procedure for a list: what the report says, with version, day and how it was made.

    raises   RegistryError
    """
    from skindose.registry import sums

    found, known = sums.current(procedure), sums.known(procedure)
    hold = [one["window_days"] for one in known.sums] if known else []
    told = counted.block(found, None)["sums"]
    names = ("version", "made_at", "software")
    return [
        {**{name: one[name] for name in names}, "holds": one["window_days"] in hold, **facts}
        for one, facts in zip(found, told, strict=True)
    ]


def lines(shown: list[dict[str, Any]]) -> Iterator[str]:
    """The same in words: which procedures, who drives the peak, the plain sums, what fired, what must be known."""
    for one in shown:
        (name, said), (plain, totals) = counted.window_rows(one)
        yield f"{name}: {said}"
        if not one["holds"]:
            yield "    of former results: `skindose batch` or `watch` makes it again"
        yield f"    of {', '.join(each['name'] for each in one['procedures'])}; {plain.lower()}: {totals}"
        for finding in one["triggers"]:
            row = trigger_row(finding)
            yield f"    {row['rule']}: {row['quantity']} {row['value']}, level {row['level']}: {row['state']}"
    for note in dict.fromkeys(note for one in shown for note in one["notes"]):
        yield f"    {note}"
