"""anny's skin, bent at its joints: arms at the sides, legs nearly parallel. Used by make_bodies.py only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.phantom import mesh


class Skin(NamedTuple):
    """anny's skin at rest, in mm: closed, with the weights that tie it to the bones.

    weights (vertices, bones), joints_mm (bones, 3), parents (bones,), bones: their names
    """

    vertices_mm: np.ndarray
    triangles: np.ndarray
    weights: np.ndarray
    joints_mm: np.ndarray
    parents: list[int]
    bones: list[str]


def soften(weights, triangles, rounds=6):
    """Weights averaged over neighbours: joints bend in a wider arc than anny's, which were made for small turns."""
    start, end = mesh.half_edges(triangles)
    degree = np.bincount(start, minlength=len(weights))[:, None]
    for _ in range(rounds):
        mean = np.zeros_like(weights)
        np.add.at(mean, start, weights[end])
        weights = 0.5 * weights + 0.5 * mean / degree
    return weights


def rotation(source, target):
    """The smallest rotation that turns direction `source` into `target`."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis, cosine = np.cross(a, b), float(a @ b)
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)


class Skeleton:
    """The joints, and the movement of each bone so far: a rotation and a shift in the body's frame."""

    def __init__(self, skin):
        self.skin = skin
        self.turn = np.tile(np.eye(3), (len(skin.bones), 1, 1))
        self.shift = np.zeros((len(skin.bones), 3))

    def joint(self, bone):
        """Where the head of the bone is now."""
        k = self.skin.bones.index(bone)
        return self.turn[k] @ self.skin.joints_mm[k] + self.shift[k]

    def rotate(self, bone, matrix):
        """Turn a bone and all that hangs on it about its joint."""
        centre = self.joint(bone)
        for k in self._below(self.skin.bones.index(bone)):
            self.turn[k] = matrix @ self.turn[k]
            self.shift[k] = matrix @ (self.shift[k] - centre) + centre

    def _below(self, bone):
        below = [bone]
        for k, parent in enumerate(self.skin.parents):
            if parent in below and k not in below:
                below.append(k)
        return below

    def aim(self, bone, tip, target, share=1.0):
        """Turn `bone` so that the joint `tip` lies in the direction `target` from it; share < 1: part of the way."""
        now = self.joint(tip) - self.joint(bone)
        goal = np.asarray(target, float)
        blend = (1 - share) * now / np.linalg.norm(now) + share * goal / np.linalg.norm(goal)
        self.rotate(bone, rotation(now, blend))

    def vertices(self):
        """Linear blend skinning."""
        moved = np.einsum("bij,vj->vbi", self.turn, self.skin.vertices_mm) + self.shift
        return np.einsum("vb,vbi->vi", self.skin.weights, moved)


def pose(skin, elbow_back):
    """Arms at the sides, clear of the trunk, palms to the thighs; legs nearly parallel."""
    bones = Skeleton(skin)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        bones.aim(f"clavicle.{side}", f"upperarm01.{side}", (sign, 0.15, -0.15), 0.5)
        bones.aim(f"shoulder01.{side}", f"lowerarm01.{side}", (sign * 0.36, elbow_back, -1.0), 0.35)
        bones.aim(f"upperarm01.{side}", f"lowerarm01.{side}", (sign * 0.36, elbow_back, -1.0))
        bones.aim(f"lowerarm01.{side}", f"wrist.{side}", (sign * 0.08, -0.25, -1.0))
        bones.aim(f"wrist.{side}", f"finger3-1.{side}", (sign * -0.02, -0.02, -1.0), 0.8)
        for finger in (2, 4, 5):
            bones.aim(f"finger{finger}-1.{side}", f"finger{finger}-3.{side}", (sign * -0.02, -0.02, -1.0), 0.8)
        bones.aim(f"upperleg01.{side}", f"foot.{side}", (sign * 0.05, 0.0, -1.0))
    return bones.vertices()
