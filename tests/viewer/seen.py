"""What stands on a picture of the window: in structure, not pixel by pixel."""

import numpy as np

from skindose.report.scene import colour_scale
from skindose.viewer.stage import _BEAM_COLOUR, ALARM

WHITE = np.array([255, 255, 255])


def rgb(colour):
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])


BEAM, RED = rgb(_BEAM_COLOUR), rgb(ALARM)
SCALE = np.array([rgb(colour) for colour in colour_scale(256)])


def of_colour(picture, colour, within=24):
    """(height, width) where the picture has this colour."""
    return np.abs(picture - colour).max(axis=2) <= within


def dark(picture):
    """(height, width) where the picture has the upper half of the scale: purple to black, and no grey."""
    spread = picture.max(axis=2) - picture.min(axis=2)
    return (picture.sum(axis=2) < 330) & (spread > 50) & (picture[..., 0] > picture[..., 1] + 25)


def pixel(stage, point_mm):
    """Row and column of a point of the patient frame on the window."""
    renderer = stage.plotter.renderer
    renderer.SetWorldPoint(*point_mm, 1.0)
    renderer.WorldToDisplay()
    x, y, _ = renderer.GetDisplayPoint()
    return round(stage.plotter.window_size[1] - 1 - y), round(x)


def body_pixels(stage, phantom, every=37):
    """(n, 2) rows and columns of cells that face the viewer."""
    facing = phantom.normal @ np.array(stage.view.eye) > 0.3
    return np.array([pixel(stage, at) for at in phantom.centroid_mm[facing][::every]])
