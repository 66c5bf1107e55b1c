"""Video of people whose 3D is known: what each camera of a rig would have filmed of them in a hall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets.skeleton import Skeleton

from .person_paint import WARDROBE, Looks, Painter, light_on, tileable_noise, to_screen
from .person_solids import PersonSolids, person_solids
from .ray_table import RayTable, around
from .room import Room
from .shadows import darken, shadow_of
from .solids import Hits, Single, cast, surface
from .video_file import VideoFile

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

MOST_RAYS = 600_000  # a person who fills the picture gets one ray a pixel, not four
SOFTNESS = 0.55  # pixels: a lens is not perfectly sharp
MELT = 0.012  # metres over which the shading of neighbouring solids runs together
CREASE = 0.05  # metres: how far the shade in a crease reaches
CREASE_DEPTH, CREASE_SHADE = 0.10, 0.45


@dataclass(frozen=True)
class FootageOptions:
    """What rarely changes.

    Args:
        seed: of the room's textures, the clothes' folds and the noise.
        noise: deviation of the sensor's noise, of 255.
        supersample: rays a pixel in each direction on people.
    """

    seed: int = 0
    noise: float = 2.0
    supersample: int = 2


class Footage:
    """Draws people as the cameras of a rig see them.

    Everything that does not move is drawn once, at the start.

    Args:
        rig: the cameras; their sizes are the pictures'.
        skeleton: of the people; must have the joints of BODY_25B.
        looks: one for everybody; they repeat.
        reach: metres; nobody goes farther from the origin in x or y. The walls stand behind.
        options: see :class:`FootageOptions`.
    """

    def __init__(
        self,
        rig: Rig,
        skeleton: Skeleton,
        *,
        looks: Sequence[Looks] = WARDROBE,
        reach: float = 0.0,
        options: FootageOptions | None = None,
    ) -> None:
        self.rig = rig
        self._options = options or FootageOptions()
        self._skeleton, self._looks = skeleton, looks
        rng = np.random.default_rng(self._options.seed)
        folds = tileable_noise(rng)
        self._painters = [Painter(look, folds) for look in looks]
        reach = max([reach, *(float(np.abs(camera.center[:2]).max()) for camera in rig)])
        room = Room(reach, rng)
        self._tables = [RayTable.of(camera) for camera in rig]
        self._backdrops = [room.seen_by(table) for table in self._tables]
        self._grain = [_grain(camera.size, self._options.noise, rng) for camera in rig]

    def pictures(self, xyz: Array, frame: int = 0) -> list[Image]:
        """One picture a camera.

        Args:
            xyz: [P, J, 3] metres, world; whoever lacks a joint is not drawn.
            frame: its number, which decides the sensor's noise.

        Returns:
            V times [H, W, 3] BGR.
        """
        people = [
            (person_solids(joints, self._skeleton, self._looks[p % len(self._looks)].build), p)
            for p, joints in enumerate(xyz)
            if np.isfinite(joints).all()
        ]
        shadows = [shadow_of(person.solids) for person, _ in people]
        pictures = []
        for v, (table, backdrop) in enumerate(zip(self._tables, self._backdrops, strict=True)):
            picture = backdrop.picture.copy()
            for shadow in shadows:
                darken(picture, backdrop, shadow, table)
            nearest_last = sorted(people, key=lambda entry: -float(np.linalg.norm(entry[0].pelvis - table.pose[1])))
            for person, p in nearest_last:
                self._draw(picture, person, self._painters[p % len(self._painters)], table)
            pictures.append(self._developed(picture, v, frame))
        return pictures

    def _draw(self, picture: Image, person: PersonSolids, painter: Painter, table: RayTable) -> None:
        """Put a person into a picture."""
        windows = table.windows(person.solids)
        window = around(windows)
        if window is None:
            return
        left, top, right, bottom = window
        width, height = right - left, bottom - top
        factor = self._options.supersample
        if factor * factor * width * height > MOST_RAYS:
            factor = 1
        rays = table.rays(window, factor)
        hits = cast(person.solids, rays, table.pose, factor * (windows - np.array([left, top, left, top])))
        layer = _painted(hits, rays, person, painter=painter, table=table, factor=factor)
        if factor > 1:
            layer = np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        part = picture[top:bottom, left:right]
        part[:] = part * (1 - layer[..., 3:]) + np.float32(255) * layer[..., 2::-1] + np.float32(0.5)

    def _developed(self, picture: Image, v: int, frame: int) -> Image:
        """The lens's softness and the sensor's noise."""
        soft = cv2.GaussianBlur(picture, (3, 3), SOFTNESS)
        grain = self._grain[v]
        if grain is None:
            return np.asarray(soft, np.uint8)
        rows, columns = picture.shape[:2]
        rng = np.random.default_rng([self._options.seed, v, frame])
        y, x = (int(rng.integers(spare)) for spare in (grain.shape[0] - rows, grain.shape[1] - columns))
        return np.asarray(cv2.add(soft, grain[y : y + rows, x : x + columns], dtype=cv2.CV_8U), np.uint8)


def _painted(
    hits: Hits, rays: tuple[Single, Single], person: PersonSolids, *, painter: Painter, table: RayTable, factor: int
) -> Single:
    """Screen colours and coverage [H, W, 4] of a person, RGBA, black where nobody is."""
    layer = np.zeros((*hits.depth.shape, 4), np.float32)
    flat = np.flatnonzero(hits.which >= 0)
    if not len(flat):
        return layer
    order = flat[np.argsort(hits.which.reshape(-1)[flat], kind="stable")]
    x, y, depth = (part.reshape(-1)[order] for part in (*rays, hits.depth))
    color, normal = np.empty((2, len(order), 3), np.float32)
    starts = np.searchsorted(hits.which.reshape(-1)[order], np.arange(len(person.solids) + 1))
    for i in np.flatnonzero(np.diff(starts)).tolist():
        part = slice(starts[i], starts[i + 1])
        at = surface(person.solids, i, (x[part], y[part]), depth[part], table.pose)
        color[part], normal[part] = painter.paint(person.solids.names[i], at, person), at.normal
    pixels_per_metre = factor * float(table.camera.K[0, 0]) / float(depth.mean())
    layer.reshape(-1, 4)[order, :3] = light_on(normal)
    layer.reshape(-1, 4)[order, 3] = 1
    light = _softened(layer, MELT * pixels_per_metre).reshape(-1, 4)[order]
    light *= _creases(hits, CREASE * pixels_per_metre).reshape(-1)[order, None] / light[:, 3:]
    layer.reshape(-1, 4)[order, :3] = to_screen(color * light[:, :3])
    return layer


def _softened(layer: Single, reach: float) -> Single:
    """Light [H, W, 4] that has run over the seams between solids; its fourth channel is how much there was to mix."""
    side = 2 * max(1, round(reach)) + 1
    return np.asarray(cv2.boxFilter(layer, -1, (side, side), borderType=cv2.BORDER_CONSTANT), np.float32)


def _creases(hits: Hits, reach: float) -> Single:
    """How much of the light comes to surfaces that lie behind their surroundings.

    Source: Luft, Colditz and Deussen, Image Enhancement by Unsharp Masking the Depth Buffer, SIGGRAPH 2006.
    """
    there = (hits.which >= 0).astype(np.float32)
    depth = np.where(there > 0, hits.depth, np.float32(0))
    side = 2 * max(1, round(reach)) + 1
    near, weight = (cv2.boxFilter(cv2.boxFilter(image, -1, (side, side)), -1, (side, side)) for image in (depth, there))
    behind = depth - near / np.maximum(weight, 1e-6)
    return np.asarray(1 - CREASE_SHADE * np.clip(behind / CREASE_DEPTH, 0, 1), np.float32)


def _grain(size: tuple[int, int], deviation: float, rng: np.random.Generator) -> NDArray[np.int8] | None:
    """A sheet of noise larger than the picture, of which every frame takes another part."""
    if deviation <= 0:
        return None
    width, height = size
    sheet = rng.standard_normal((height + 64, width + 64, 3), np.float32)
    return np.clip(np.round(deviation * sheet), -127, 127).astype(np.int8)


def write_footage(
    folder: Path,
    xyz: Array,
    footage: Footage,
    *,
    fps: float,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Film people with every camera, one MP4 each; the files appear together at the end.

    Args:
        folder: an existing folder.
        xyz: [T, P, J, 3] metres, world.
        footage: what draws.
        fps: frames a second.
        progress: called with (stage, pictures done, pictures in all).

    Returns:
        Camera name to file.

    Raises:
        FileExistsError: a file exists.
        InputError: a camera's width or height is odd, or no encoder is there.
    """
    paths = {camera.name: Path(folder) / f"{camera.name}.mp4" for camera in footage.rig}
    odd = [camera for camera in footage.rig if camera.size[0] % 2 or camera.size[1] % 2]
    if odd:
        width, height = odd[0].size
        raise InputError(f"video needs even sides; camera {odd[0].name} is {width}x{height}")
    with ExitStack() as stack:
        files = [stack.enter_context(VideoFile(paths[camera.name], camera.size, fps)) for camera in footage.rig]
        for frame, people in enumerate(xyz):
            for file, picture in zip(files, footage.pictures(people, frame), strict=True):
                file.add(picture)
            if progress:
                progress("filming", len(files) * (frame + 1), len(files) * len(xyz))
    return paths
