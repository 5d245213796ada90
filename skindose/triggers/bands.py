"""Tissue reactions to expect after one dose to one place of the skin, as bands of peak skin dose.

Source: Balter et al. 2010, Radiology 254:326, as tabulated in AAPM MPPG 12.a (2022), table 1  [Balter2010].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CAVEAT = (
    "For the skin of neck, trunk, pelvis and arms, not for the scalp; for a single dose and average sensitivity. The"
    " bands are not rigid. Skin that once got more than 3 to 5 Gy often looks normal but reacts more strongly when"
    " it is irradiated again."
)


@dataclass(frozen=True)
class Band:
    """What to expect between two doses, and when.

    low_gy, high_gy  Gy; the last band has no upper end (None)
    grade            toxicity grade of the US National Cancer Institute, "" where there is none
    prompt           before 2 weeks
    early            2 to 8 weeks
    mid_term         6 to 52 weeks
    long_term        after 40 weeks
    """

    name: str
    low_gy: float
    high_gy: float | None
    grade: str
    prompt: str
    early: str
    mid_term: str
    long_term: str


BANDS: tuple[Band, ...] = (
    Band("A1", 0.0, 2.0, "", "none expected", "none expected", "none expected", "none expected"),
    Band("A2", 2.0, 5.0, "1", "transient erythema", "hair loss that recovers", "recovery", "none expected"),
    Band(
        "B", 5.0, 10.0, "1-2",
        "transient erythema",
        "erythema, hair loss",
        "recovery; at higher dose prolonged erythema, permanent partial hair loss",
        "recovery; at higher dose atrophy or induration",
    ),
    Band(
        "C", 10.0, 15.0, "2-3",
        "transient erythema",
        "erythema, hair loss; dry or moist desquamation possible",
        "prolonged erythema, permanent hair loss",
        "telangiectasia, atrophy or induration; weak skin",
    ),
    Band(
        "D", 15.0, None, "3-4",
        "erythema; after very high dose oedema and ulceration",
        "erythema, hair loss, moist desquamation",
        "atrophy, secondary ulceration; at higher dose necrosis, surgery likely",
        "telangiectasia, late breakdown of the skin, surgery possible",
    ),
)  # fmt: skip


def band(psd_gy: float) -> Band:
    """The band of a peak skin dose (Gy).

    On a border it is the higher one (2 Gy is A2); only D begins above its border, as in the source ("> 15 Gy").

    raises   ValueError for a negative number or one that is not finite

    >>> band(3.2).name
    'A2'
    """
    if not math.isfinite(psd_gy) or psd_gy < 0:
        raise ValueError(f"not a peak skin dose: {psd_gy}")
    if psd_gy <= BANDS[-1].low_gy and psd_gy >= BANDS[-2].low_gy:
        return BANDS[-2]
    return max((one for one in BANDS if one.low_gy <= psd_gy), key=lambda one: one.low_gy)
