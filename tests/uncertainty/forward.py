"""Procedures simulated forwards: the truth first, then the report that a machine with its errors would write of it.

Shares no code with what it judges: its own random numbers, frames, fields, inverse square, factors and search for the
peak, all in the plainest numpy. Shared are the body's mesh and landmarks, the published numbers (retyped here: Benmakhlouf
2013's backscatter, DeLorenzo 2018's obliquity, the half-value layers and medium ratios of docs/physics.md, the measured
transmission of a Siemens table), and the writer of synthetic reports.
"""

from dataclasses import dataclass, replace

import numpy as np

from skindose.rdsr.write import HEART, WrittenEvent, WrittenProcedure

# Benmakhlouf 2013, eq. 8: rows c0 ... c8, columns 5, 10, 20, 25, 35 cm.
FIT = np.array(
    [
        [1.00870, 0.929969, 0.865442, 0.858665, 0.857065],
        [2.35816e-3, 4.08549e-3, 5.36739e-3, 5.51579e-3, 5.55933e-3],
        [-9.48937e-6, -1.66271e-5, -2.21494e-5, -2.27532e-5, -2.28004e-5],
        [0.103143, 0.153605, 0.172418, 0.170826, 0.166418],
        [-1.04881e-3, -1.45187e-3, -1.46088e-3, -1.38540e-3, -1.28180e-3],
        [3.59731e-6, 5.05312e-6, 5.17430e-6, 4.91192e-6, 4.53036e-6],
        [-7.31303e-3, -9.32427e-3, -8.30138e-3, -7.64330e-3, -6.81574e-3],
        [7.93272e-5, 9.40568e-5, 7.13576e-5, 6.13126e-5, 4.94197e-5],
        [-2.74296e-7, -3.28449e-7, -2.54885e-7, -2.21399e-7, -1.79074e-7],
    ]
)
FIT_CM = np.array([5.0, 10.0, 20.0, 25.0, 35.0])
KVP = np.array([60.0, 80.0, 100.0, 120.0])
HVL = {0.1: [3.336, 4.432, 5.499, 6.465], 0.3: [4.719, 6.300, 7.605, 8.641], 0.6: [5.792, 7.733, 9.137, 10.191]}
# Water to air at the skin, 2.5 mm Al inherent.
MEDIUM = {0.1: [1.020, 1.027, 1.034, 1.040], 0.3: [1.026, 1.036, 1.045, 1.050], 0.6: [1.030, 1.041, 1.050, 1.055]}
# Siemens Artis, 2018, perpendicular, table and pad.
TABLE = {0.1: [0.6702, 0.7004, 0.7174, 0.7226], 0.3: [0.704, 0.7319, 0.7483, 0.7530], 0.6: [0.7191, 0.7477, 0.7630, 0.7650]}
PAD_MM = 40.0
HALF_WIDTH_MM = 225.0
CRITICAL = {"table": (10.0, 10.0, 30.0), "anatomy": (15.0, 15.0, 30.0)}


@dataclass(frozen=True)
class Shot:
    """One projection as it truly was and as the machine reports it; lengths in mm, angles in degrees."""

    primary: float
    secondary: float
    kvp: float
    copper: float
    side: float
    kerma: float  # true, mGy
    plane: str = "single"
    longitudinal: float = 0.0
    lateral: float = 400.0
    height: float = 150.0


@dataclass(frozen=True)
class Errors:
    """The truth over what the program must believe; all 1 or 0 where nothing is wrong.

    display       plane -> displayed air kerma over the true one
    loss          ln T is multiplied by this
    scatter, medium
    isocentre     left, down, head in mm: where the isocentre truly lies from where the program puts it
    """

    display: dict
    loss: float = 1.0
    scatter: float = 1.0
    medium: float = 1.0
    isocentre: tuple = (0.0, 0.0, 0.0)
