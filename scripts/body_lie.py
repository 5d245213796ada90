"""How a body lies: flat on the pad, legs nearly parallel, arms at the sides or over the head. Used by make_bodies.py.

All works on the left half of a body of STATURE_MM; what bends, bends on both sides alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from body_anny import STATURE_MM
from body_pose import Skeleton

SHEAR_MM = 90.0
"""Standard deviation of the mean along the height that the body is laid flat by."""
SLAB_MM = 5.0
SKULL_MM = 4.0
"""How far the back of the head is pressed flat."""
GAP_MM = {"fore": 8.0, "lower": -12.0}
"""Least distance of the arm from trunk and head: of forearm and hand, and of the lower half of the upper arm besides.

There the skins may press against each other: what then crosses is drawn back when the body is untangled.
"""
STEPS = 9
"""Of halving, where an angle is sought."""


class Arm(NamedTuple):
    """Slopes, per unit of height: upper arm outwards and backwards, forearm backwards; `up` over the head."""

    out: float
    back: float = 0.0
    fore: float = 0.0
    up: bool = False


class Lie:
    """Lays a standing body flat: a shear of depth by height, then what would stick into the pad is pressed.

    Both are one-to-one maps of space: nothing can be pushed through itself. The head keeps its shape: it is shifted
    as a whole until it touches the pad, and the neck makes up for it.
    """

    def __init__(self, vertices, head, neck_mm, press_mm):
        """vertices (n, 3) standing, crown at z = 0, without arms; head (n,); neck_mm: the neck's two ends."""
        self.press_mm = press_mm
        self.heights = np.arange(vertices[:, 2].min(), 1.0, SLAB_MM)
        slab = np.searchsorted(self.heights, vertices[:, 2])
        back = np.full(len(self.heights) + 1, np.nan)
        for k in range(len(back)):
            chosen = (np.abs(slab - k) <= 3) & ~head
            below_neck = self.heights[min(k, len(back) - 2)] < neck_mm[0]
            back[k] = vertices[chosen, 1].max() if chosen.any() and below_neck else np.nan
        known = np.flatnonzero(np.isfinite(back))
        back = np.interp(np.arange(len(back)), known, back[known])
        self.shift, self.lowest = _low_pass(back, SHEAR_MM / SLAB_MM)[:-1], 0.0
        self.lowest = self.depth(vertices[~head & (vertices[:, 2] < neck_mm[0])]).max()
        skull = vertices[head, 1].max() - self.lowest + press_mm - SKULL_MM
        part = np.clip((self.heights - neck_mm[0]) / (neck_mm[1] - neck_mm[0]), 0.0, 1.0)
        part = part * part * (3.0 - 2.0 * part)
        self.shift = (1.0 - part) * self.shift + part * skull

    def depth(self, vertices):
        """(n,) y of the vertices before pressing, 0 at the most posterior one of the body."""
        return vertices[:, 1] - np.interp(vertices[:, 2], self.heights, self.shift) - self.lowest

    def flat(self, vertices):
        """The vertices, lying."""
        v = vertices.copy()
        v[:, 1] = _press(self.depth(vertices), self.press_mm)
        return v


def _low_pass(values, width):
    """Gaussian mean, the ends continued."""
    reach = int(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _press(y, press_mm):
    """A growing function of depth that is y well in front of the pad's plane and nearly constant behind it."""
    rest, soft = 0.03, 0.2 * press_mm
    beyond = soft * np.logaddexp(0.0, (y + press_mm) / soft)
    return y - (1.0 - rest) * beyond


# --- Poses


def bend(skin, arm, spread):
    """The skeleton with legs and arms in place. spread: slope of the legs, outwards."""
    bones = Skeleton(skin)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        bones.aim(f"upperleg01.{side}", f"foot.{side}", (sign * spread, 0.0, -1.0))
        up = 1.0 if arm.up else -1.0
        shoulder = ((sign, 0.1, 0.6), 0.7) if arm.up else ((sign, 0.15, -0.15), 0.5)
        upper = (sign * arm.out, arm.back, up)
        fore = (sign * (-0.45 if arm.up else 0.22 * arm.out), arm.fore, up)
        bones.aim(f"clavicle.{side}", f"upperarm01.{side}", *shoulder)
        bones.aim(f"shoulder01.{side}", f"lowerarm01.{side}", upper, 0.4 if arm.up else 0.35)
        bones.aim(f"upperarm01.{side}", f"lowerarm01.{side}", upper)
        bones.aim(f"lowerarm01.{side}", f"wrist.{side}", fore)
        bones.aim(f"wrist.{side}", f"finger3-1.{side}", (0.5 * fore[0], 0.5 * arm.fore, up), 0.9)
    return bones


class Body:
    """A standing half body that is to be laid down.

    arm, fore, hand (vertices,) share of the bones of arm and hand, forearm and hand, hand alone; leg of thigh and below
    """

    def __init__(self, skin, seam, press_mm, spread):
        self.skin, self.seam, self.spread = skin, seam, spread
        share = {name: _share(skin, starts) for name, starts in GROUPS.items()}
        self.arm, self.fore, self.hand, self.leg = (share[name] for name in ("arm", "fore", "hand", "leg"))
        self.on_body = self.arm < 0.5
        standing = bend(skin, Arm(0.36), spread).vertices()
        self.crown = standing[self.on_body, 2].max()
        standing[:, 2] -= self.crown
        body, neck = standing[self.on_body], [skin.joints_mm[skin.bones.index(b), 2] for b in ("neck01", "head")]
        self.lie = Lie(body, share["head"][self.on_body] > 0.5, np.array(neck) - self.crown + (-90.0, 10.0), press_mm)
        self.body = np.column_stack([standing[:, 0], self.lie.depth(standing), standing[:, 2]])[self.on_body]
        self.target = -press_mm + 3.0
        third = np.arange(len(self.arm)) % 3 == 0  # enough to find angles by
        self.body = self.body[third[self.on_body]]
        self.parts = {
            name: skin._replace(vertices_mm=skin.vertices_mm[chosen & third], weights=skin.weights[chosen & third])
            for name, chosen in (
                ("elbow", (self.arm > 0.95) & (self.hand < 0.05) & (self.fore > 0.1)),
                ("hand", self.hand > 0.5),
                ("fore", self.fore > 0.3),
                ("lower", share["lower"] > 0.5),
            )
        }

    def part(self, name, arm):
        """Vertices of a part of the arm, y before pressing."""
        v = Skeleton.vertices(_on(bend(self.parts["hand"], arm, self.spread), self.parts[name]))
        v = v - (0.0, 0.0, self.crown)
        return np.column_stack([v[:, 0], self.lie.depth(v), v[:, 2]])

    def room(self, arm):
        """How much further the arm is from the body than it must be."""
        return min(self.gap(name, arm) - least for name, least in GAP_MM.items())

    def gap(self, name, arm):
        """Least sideways distance of a part of the arm from the rest of the body at the same height and depth."""
        arms, least = self.part(name, arm), np.inf
        bins = np.round(arms[:, 2] / 15.0)
        places = np.round(self.body[:, 2] / 15.0)
        for k in np.unique(bins):
            own, other = arms[bins == k], self.body[np.abs(places - k) <= 1]
            low, high = own[:, 1].min() - 10.0, own[:, 1].max() + 10.0
            beside = other[(other[:, 1] > low) & (other[:, 1] < high), 0]
            if len(beside):
                least = min(least, own[:, 0].min() - beside.max())
        return least

    def rest(self, arm):
        """The arm with elbow and hand on the pad."""
        back = halve(lambda b: self.part("elbow", arm._replace(back=b))[:, 1].max(), self.target, -0.9, 0.9)
        arm = arm._replace(back=back)
        fore = halve(lambda b: self.part("hand", arm._replace(fore=b))[:, 1].max(), self.target, -0.9, 0.9)
        return arm._replace(fore=fore)

    def arm_in_place(self, up):
        """The arm on the pad, as near to the body as it may come."""
        arm = self.rest(Arm(0.5, up=up))
        lowest = 0.25 if up else 0.12
        for _ in range(2):
            fixed = arm
            out = halve(lambda o, fixed=fixed: self.room(fixed._replace(out=o)), 0.0, lowest, 2.0)
            arm = self.rest(arm._replace(out=out))
        return arm

    def lying(self, arm):
        """(vertices, 3) in the patient frame, STATURE_MM from crown to soles."""
        v = bend(self.skin, arm, self.spread).vertices() - (0.0, 0.0, self.crown)
        v = self.lie.flat(apart(v, self.leg, self.seam))
        v *= STATURE_MM / -v[:, 2].min()
        return v - (0.0, v[self.on_body, 1].max(), 0.0)


GROUPS = {
    "arm": ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
    "fore": ("lowerarm", "wrist", "finger", "metacarpal"),
    "lower": ("upperarm02", "lowerarm", "wrist", "finger", "metacarpal"),
    "hand": ("wrist", "finger", "metacarpal"),
    "leg": ("upperleg", "lowerleg", "foot", "toe"),
    "shank": ("lowerleg", "foot", "toe"),
    "foot": ("foot", "toe"),
    "head": ("head",),
    "neck": ("neck",),
}


def _share(skin, starts):
    """(vertices,) sum of the weights of the bones of the left side, or the middle, whose names start so."""
    chosen = [k for k, bone in enumerate(skin.bones) if bone.startswith(starts) and not bone.endswith(".R")]
    return skin.weights[:, chosen].sum(axis=1)


def _on(bones, skin):
    """The same movements, on other vertices of the same skeleton."""
    bones.skin = skin
    return bones


def halve(function, wanted, low, high):
    """Where a growing function reaches a value; the nearer end where it does not."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < wanted else (low, middle)
    return (low + high) / 2


def apart(vertices, leg, seam, soft_mm=3.0):
    """Legs kept left of the mid-line: sideways squeezed where they come near it, never folded; the seam lies on it."""
    v = vertices.copy()
    squeezed = 0.8 + soft_mm * np.logaddexp(0.0, v[:, 0] / soft_mm)
    share = np.clip(2.0 * leg, 0.0, 1.0)
    v[:, 0] = np.maximum((1.0 - share) * v[:, 0] + share * squeezed, 0.3)
    v[:seam, 0] = 0.0
    return v
