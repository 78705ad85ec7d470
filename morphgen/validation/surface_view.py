"""A shaded view of the phases of a volume, one of which is cut away.

Rays run through the label image in parallel, from the corner where z is smallest and y and x are
largest. A ray ends where the smoothed indicator of the phases that are left reaches 1/2; the
gradient there is the normal that light falls on (Levoy, "Display of surfaces from volume data",
IEEE Comput. Graph. Appl. 8(3), 1988, 29).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from morphgen.phases import Phase
from morphgen.validation.rendering import colored

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]

# of a ray: down, to the back along y, to the back along x, as z, y, x
_RAY = np.array([1.0, -1.0, -1.0])
# from the surface to the light: mostly from above, a little from the right
_LIGHT = np.array([-0.72, 0.40, 0.57])
_AMBIENT = 0.42
# what lies deep between the phases gets less light; share of the longest edge
_DEPTH = 0.28
_STEP = 0.5
_SMOOTHING = 0.8
_VOID_NAME = re.compile(r"(?<![a-z])(pores?|voids?|holes?|air|empty)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Scene:
    """Volume that is ready to be seen: in cells of the finest spacing, lengths in these cells.

    Attributes
    ----------
    solid : array of float32, shape (z, y, x)
        Smoothed indicator of all phases that are seen.
    each : array of float32, shape (n, z, y, x)
        Smoothed indicator of each of them.
    colors : array of float64, shape (n, 3)
        Their colours.
    stretch : array of float64, shape (3,)
        Length of a voxel along z, y and x, in units of the shortest.
    """

    solid: Floats
    each: Floats
    colors: NDArray[np.float64]
    stretch: NDArray[np.float64]

    @property
    def size(self) -> NDArray[np.float64]:
        """Edges along z, y and x."""
        return np.array(self.solid.shape) * self.stretch


def cut_away(phases: Sequence[Phase]) -> Phase:
    """Phase that is cut away: one that is named as empty space, otherwise the lowest label."""
    for phase in phases:
        if _VOID_NAME.search(phase.name):
            return phase
    return min(phases, key=lambda phase: phase.label)


def render(
    labels: Labels,
    voxel_size: Sequence[float],
    phases: Sequence[Phase],
    hidden: int,
    pixels: int = 520,
) -> NDArray[np.float64]:
    """Draw all phases but one as a picture in parallel projection.

    On paper x runs to the lower right, y to the lower left and z down; an edge has its length.

    Parameters
    ----------
    labels : array of uint8, shape (z, y, x)
        The volume; 255 is cut away too.
    voxel_size : sequence of 3 floats
        Spacing along z, y and x.
    phases : sequence of Phase
        The phases, for their colours.
    hidden : int
        Label that is cut away.
    pixels : int
        Columns of the picture.

    Returns
    -------
    array, shape (rows, pixels, 3)
        Colours from 0 to 1, white where nothing is; its borders touch the volume's outline.
    """
    scene = _scene(labels, voxel_size, phases, hidden)
    start, inside = _starts(scene.size, pixels)
    image = np.ones((*inside.shape, 3))
    hit, at, entered = _follow(scene, start[inside])
    shaded = np.ones((at.shape[0], 3))
    shaded[hit] = _shade(scene, at[hit], entered[hit])
    image[inside] = shaded
    return image


def outline(size: NDArray[np.float64]) -> tuple[float, float, float]:
    """Left, right and lower border of the picture of a box; its rear corner lies at (0, 0)."""
    z, y, x = size
    return -_COS * y, _COS * x, -0.5 * (x + y) - z


_COS = 0.5 * 3.0**0.5


def _scene(
    labels: Labels, voxel_size: Sequence[float], phases: Sequence[Phase], hidden: int
) -> Scene:
    stretch = np.asarray(voxel_size, dtype=np.float64) / min(voxel_size)
    shown = [phase.label for phase in phases if phase.label != hidden]
    palette = colored(np.array([shown], dtype=np.uint8), phases)[0]
    each = np.stack(
        [
            gaussian_filter((labels == label).astype(np.float32), _SMOOTHING, mode="nearest")
            for label in shown
        ]
    )
    return Scene(each.sum(axis=0), each, palette, stretch)


def _starts(
    size: NDArray[np.float64], pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where the ray of each pixel enters the box, and which pixels have one that does."""
    left, right, bottom = outline(size)
    rows = max(1, round(pixels * -bottom / (right - left)))
    across = left + (np.arange(pixels) + 0.5) * ((right - left) / pixels)
    up = (np.arange(rows) + 0.5) * (bottom / rows)
    # the point of the ray at z = 0: x - y = across / cos 30°, x + y = -2 up
    x = 0.5 * (across[None, :] / _COS - 2.0 * up[:, None])
    y = 0.5 * (-across[None, :] / _COS - 2.0 * up[:, None])
    enter = np.maximum(0.0, np.maximum(y - size[1], x - size[2]))
    leave = np.minimum(size[0], np.minimum(y, x))
    start = np.stack([enter, y - enter, x - enter], axis=-1)
    return start, leave > enter


def _follow(
    scene: Scene, start: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Follow rays to the surface: whether they meet it, where, and how far from the border."""
    at = start.copy()
    way = np.zeros(len(start))
    hit = np.zeros(len(start), dtype=bool)
    value = _sample(scene.solid, scene, at)
    hit[value >= 0.5] = True
    going = np.flatnonzero(~hit)
    step = _STEP * _RAY
    while going.size:
        ahead = at[going] + step
        within = np.all((ahead >= 0.0) & (ahead <= scene.size), axis=1)
        going, ahead = going[within], ahead[within]
        found = _sample(scene.solid, scene, ahead)
        met = found >= 0.5
        # linear between the last two points
        part = np.where(met, (0.5 - value[going]) / np.maximum(found - value[going], 1e-6), 1.0)
        at[going] += part[:, None] * step
        way[going] += part * _STEP
        value[going] = found
        hit[going[met]] = True
        going = going[~met]
    return hit, at, way


def _shade(scene: Scene, at: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour of surface points: that of the phase there, by the light that falls on it."""
    normal = np.where((way == 0.0)[:, None], _faces(scene, at), _normals(scene, at))
    behind = at - _SMOOTHING * normal
    phase = np.argmax([_sample(one, scene, behind) for one in scene.each], axis=0)
    light = _AMBIENT + (1.0 - _AMBIENT) * np.clip(normal @ _LIGHT, 0.0, 1.0)
    light *= np.exp(-way / (_DEPTH * scene.size.max()))
    # black phases show their relief too
    color: NDArray[np.float64] = (0.12 + 0.88 * scene.colors[phase]) * light[:, None]
    return color


def _faces(scene: Scene, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal of the face of the box that a point lies on."""
    distance = np.stack([at[:, 0], scene.size[1] - at[:, 1], scene.size[2] - at[:, 2]], axis=1)
    return np.asarray(np.eye(3)[np.argmin(distance, axis=1)] * -_RAY)


def _normals(scene: Scene, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction in which the smoothed indicator falls, by central differences."""
    gradient = np.empty_like(at)
    for axis in range(3):
        ahead = np.zeros(3)
        ahead[axis] = scene.stretch[axis]
        rise = _sample(scene.solid, scene, at + ahead) - _sample(scene.solid, scene, at - ahead)
        gradient[:, axis] = -rise / scene.stretch[axis]
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    return np.asarray(np.where(length > 0.0, gradient / np.maximum(length, 1e-9), -_RAY / 3.0**0.5))


def _sample(values: Floats, scene: Scene, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values between the voxels, linear; those at the border continue beyond it."""
    places = (at / scene.stretch).T - 0.5
    found: NDArray[np.float64] = map_coordinates(
        values, places, output=np.float64, order=1, mode="nearest"
    )
    return found
