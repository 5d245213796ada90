"""anny's skin, bent at its joints. Used by make_bodies.py only."""

from __future__ import annotations

from functools import lru_cache
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


@lru_cache
def _hanging(parents):
    """For each bone, itself and all that hangs on it."""
    below = [[bone] for bone in range(len(parents))]
    for bone in range(len(parents)):
        above = parents[bone]
        while above >= 0:
            below[above].append(bone)
            above = parents[above]
    return below


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
        moved = list(_hanging(tuple(self.skin.parents))[self.skin.bones.index(bone)])
        self.turn[moved] = matrix @ self.turn[moved]
        self.shift[moved] = (self.shift[moved] - centre) @ matrix.T + centre

    def aim(self, bone, tip, target, share=1.0):
        """Turn `bone` so that the joint `tip` lies in the direction `target` from it; share < 1: part of the way."""
        now = self.joint(tip) - self.joint(bone)
        goal = np.asarray(target, float)
        blend = (1 - share) * now / np.linalg.norm(now) + share * goal / np.linalg.norm(goal)
        self.rotate(bone, rotation(now, blend))

    def joints(self):
        """(bones, 3) where the heads of the bones are now."""
        return np.einsum("bij,bj->bi", self.turn, self.skin.joints_mm) + self.shift

    def vertices(self):
        """Linear blend skinning: each vertex moved by the mean movement of its bones."""
        turn = (self.skin.weights @ self.turn.reshape(-1, 9)).reshape(-1, 3, 3)
        return np.einsum("vij,vj->vi", turn, self.skin.vertices_mm) + self.skin.weights @ self.shift
