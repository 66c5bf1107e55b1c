"""2D keypoints drawn on the videos they came from, as dots and lines, without any 3D."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from lift3d.calib import InputError
from lift3d.datasets import Keypoints

from .backdrop import VideoPictures
from .detection_preview import USUAL_FPS, draw_people
from .mosaic import draw_title, mosaic_of, tile_of
from .overlay import OverlayOptions
from .video_file import VideoFile

Progress = Callable[[str, int, int], None]


def write_keypoint_overlay(
    keypoints: Keypoints,
    videos: Mapping[str, Path],
    path: str | os.PathLike[str],
    *,
    sizes: Mapping[str, tuple[int, int]],
    options: OverlayOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a video with every camera's picture, and on it the joints as dots and the bones as lines.

    A video of another size than the keypoints' pictures is scaled to cover them and centred.

    Args:
        keypoints: [T, V, P, J]; the same p in two views need not be the same person, nor have one colour for one.
        videos: camera name to video file; cameras without one have a plain background.
        path: the MP4.
        sizes: every camera's (width, height) of the pictures that the keypoints' pixels speak of.
        options: of which ``detections`` means nothing here.
        overwrite: replace a file that exists.
        progress: called with (stage, frames done, frames in all).

    Raises:
        InputError: no frame is asked for.
        FileExistsError: the file exists.
    """
    options, path = options or OverlayOptions(), Path(path)
    assert keypoints.frames is not None
    frames = range(len(keypoints.xy))[options.start : options.stop]
    if not len(frames):
        raise InputError(f"no frame from {options.start} to {options.stop}; there are {len(keypoints.xy)}")
    mosaic = mosaic_of([sizes[camera] for camera in keypoints.cameras], options.size)
    pictures = {camera: VideoPictures(videos.get(camera)) for camera in keypoints.cameras}
    with ExitStack() as stack:
        for reader in pictures.values():
            stack.callback(reader.close)
        file = stack.enter_context(VideoFile(path, mosaic.size, keypoints.fps or USUAL_FPS, overwrite=overwrite))
        for done, t in enumerate(frames):
            page, number = mosaic.page(), int(keypoints.frames[t])
            for v, (camera, reader) in enumerate(pictures.items()):
                x, y, scale = mosaic.places[v]
                width, height = (int(side * scale) for side in sizes[camera])
                tile = tile_of(reader.picture(number), (width, height))
                draw_people(tile, keypoints, t, v, scale)
                draw_title(tile, f"{camera}  {number}")
                page[y : y + height, x : x + width] = tile
            file.add(page)
            if progress:
                progress("drawing", done + 1, len(frames))
    return path
