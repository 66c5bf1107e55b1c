"""What a 2D detector found, drawn on the pictures it was found in: a video, or a sheet of pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import cv2
import numpy as np

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file
from lift3d.datasets import Keypoints
from lift3d.datasets.frames import FrameSource, PictureFrames, VideoFrames, prefetched

from .coloring import bone_side
from .mosaic import Image, Mosaic, bgr, draw_bone, draw_dots, draw_title, mosaic_of, tile_of
from .palette import person_colors
from .video_file import VideoFile

Progress = Callable[[str, int, int], None]

LIMIT = (1920, 1080)
USUAL_FPS = 25.0
MOST_PICTURES = 48
SURE = 0.1
"""Confidence below which joints are not drawn, as ``lift3d reconstruct`` does not use them."""

DOT = (245, 245, 245)  # BGR


def write_preview(
    keypoints: Keypoints,
    sources: Mapping[str, FrameSource],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Draw people's joints on the pictures they were found in.

    Args:
        keypoints: [T, V, P, J] of cameras that the sources name, in the pictures' own pixels.
        sources: camera to its pictures: all videos, or pictures of one camera.
        path: an MP4 for videos, a PNG or JPEG for pictures, of which up to 48, evenly spread, come on one sheet.
        overwrite: replace a file that exists.
        progress: called with (stage, done, total).

    Raises:
        FileExistsError: the file exists.
        InputError: videos and pictures are mixed, or the sheet cannot be written under that name.
    """
    path = Path(path)
    videos = {name: source for name, source in sources.items() if isinstance(source, VideoFrames)}
    if len(videos) == len(sources):
        _write_video(keypoints, videos, path, overwrite=overwrite, progress=progress)
        return path
    if videos or len(sources) > 1:
        raise InputError("a preview is of videos, or of the pictures of one folder")
    source = next(iter(sources.values()))
    assert isinstance(source, PictureFrames)
    _write_sheet(keypoints, source, path, overwrite=overwrite)
    return path


def _write_video(
    keypoints: Keypoints,
    videos: Mapping[str, VideoFrames],
    path: Path,
    *,
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """All cameras side by side."""
    mosaic = mosaic_of([video.info.size for video in videos.values()], LIMIT)
    frames = len(keypoints.xy)
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(prefetched(video.read(), ahead=2))) for video in videos.values()]
        file = stack.enter_context(VideoFile(path, mosaic.size, keypoints.fps or USUAL_FPS, overwrite=overwrite))
        for t in range(frames):
            pictures = {name: next(reader, None) for name, reader in zip(videos, readers, strict=True)}
            file.add(_page(keypoints, t, pictures, mosaic, [video.info.size for video in videos.values()]))
            if progress:
                progress("drawing", t + 1, frames)


def _page(
    keypoints: Keypoints, t: int, pictures: Mapping[str, Image | None], mosaic: Mosaic, sizes: list[tuple[int, int]]
) -> Image:
    """One moment of all cameras."""
    page = mosaic.page()
    for v, (name, picture) in enumerate(pictures.items()):
        x, y, scale = mosaic.places[v]
        size = (int(sizes[v][0] * scale), int(sizes[v][1] * scale))
        tile = tile_of(picture, size)
        draw_people(tile, keypoints, t, keypoints.cameras.index(name), scale)
        draw_title(tile, f"{name}  {t}" if picture is not None else f"{name}  {t}: no picture")
        page[y : y + size[1], x : x + size[0]] = tile
    return page


def _write_sheet(keypoints: Keypoints, source: PictureFrames, path: Path, *, overwrite: bool) -> None:
    """Up to 48 of the pictures on one."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"{path}: the preview of pictures is one picture; give a name that ends in .png or .jpg")
    shown = np.unique(np.linspace(0, source.count - 1, min(source.count, MOST_PICTURES)).astype(int))
    pictures = list(_some(source, shown))
    sizes = [(4, 3) if picture is None else (picture.shape[1], picture.shape[0]) for picture in pictures]
    cell = (480, 480)
    fitted = [tuple(max(1, round(side * min(cell) / max(size))) for side in size) for size in sizes]
    mosaic = mosaic_of([(width, height) for width, height in fitted], LIMIT)
    page = mosaic.page()
    for k, (t, picture) in enumerate(zip(shown, pictures, strict=True)):
        x, y, scale = mosaic.places[k]
        width, height = (max(1, int(side * scale)) for side in fitted[k])
        tile = tile_of(picture, (width, height))
        draw_people(tile, keypoints, int(t), 0, width / sizes[k][0])
        draw_title(tile, source.paths[t].name if picture is not None else f"{source.paths[t].name}: damaged")
        page[y : y + height, x : x + width] = tile
    with atomic_file(path, overwrite=overwrite) as temporary:
        cv2.imwrite(str(temporary), page)


def _some(source: PictureFrames, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> Iterator[Image | None]:
    """The pictures of these numbers."""
    for number in numbers:
        yield next(PictureFrames((source.paths[number],)).read())


def draw_people(tile: Image, keypoints: Keypoints, t: int, view: int, scale: float) -> None:
    """Bones and joints of everybody in one picture.

    Args:
        tile: the picture, scaled; it is drawn on.
        keypoints: [T, V, P, J], pixels of the unscaled picture.
        t: frame, as position.
        view: camera, as position.
        scale: of the tile.
    """
    thick = max(2, round(max(tile.shape[:2]) / 400))
    skeleton = keypoints.skeleton
    for person, (xy, sure) in enumerate(zip(keypoints.xy[t, view], keypoints.confidence[t, view], strict=True)):
        placed = np.where((sure >= SURE)[:, None], (xy + 0.5) * scale - 0.5, np.nan)
        shades = person_colors(person).shades
        for a, b in skeleton.bones:
            color = bgr(shades[bone_side(skeleton.joints[a], skeleton.joints[b])])
            draw_bone(tile, placed[[a, b]], color, thick)
        draw_dots(tile, placed, DOT, thick)
