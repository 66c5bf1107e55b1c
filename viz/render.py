"""Pictures and videos of poses, without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file, check_writable
from lift3d.datasets import Poses

from .artist import MAX_SIDE, Artist, RenderOptions
from .scene import build_comparison, fullest_frame
from .sheet import MAX_MOMENTS, SHEET_MOMENTS, draw_sheet, key_moments
from .video_file import gif_fps, movie_file
from .viewpoint import DEFAULT_VIEW, camera_picture_size, check_view

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
VIDEO_SUFFIXES = (".mp4", ".gif")
SIZE, GIF_SIZE, SHEET_SIZE = (1280, 720), (640, 360), (1600, 1000)
MIN_SIDE = 32
STILL_SUPERSAMPLE = 2  # on top of Filament's own four samples a pixel, for one picture that may be printed
MAX_VIDEO_FPS, MAX_GIF_FPS = 30.0, 20.0  # by default; more would double the work, or the file, for little
TURN_S = 6.0  # a turntable is not faster: what is shorter is repeated until then


@dataclass(frozen=True)
class Rendered:
    """What was written.

    Args:
        path: the file.
        size: (width, height) pixels.
        first: the frame it shows, or starts with.
        frames: how many pictures it holds.
        fps: frames a second; 0 for a picture.
        codec: of a video, "" for a picture.
        note: why the simpler renderer was used, "" if it was not.
    """

    path: Path
    size: tuple[int, int]
    first: int
    frames: int = 1
    fps: float = 0.0
    codec: str = ""
    note: str = ""


def output_kind(path: str | PathLike[str], *, overwrite: bool = False) -> Literal["image", "video"]:
    """Whether a path will hold a picture or a video, by its suffix; made sure before any work that it can be written.

    Raises:
        InputError: its suffix is neither's.
        FileExistsError: it exists and may not be overwritten.
        FileNotFoundError: its folder does not exist.
    """
    path = Path(path)
    _check_output(path, (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES), overwrite=overwrite)
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "image"


def render_image(
    poses: Poses | Mapping[str, Poses],
    path: str | PathLike[str],
    *,
    frame: int | None = None,
    size: tuple[int, int] | None = None,
    view: str = DEFAULT_VIEW,
    options: RenderOptions | None = None,
) -> Rendered:
    """Draw one frame into a picture file.

    Args:
        poses: what to show, with its cameras in ``poses.rig``; or several results by name, to compare.
        path: ends in .png or .jpg.
        frame: 0..T-1, negative counts from the end; None takes the one nearest the middle with the most joints.
        size: (width, height) pixels; None is 1280x720, or a camera's own proportions.
        view: "three-quarter", "front", "side", "top", "overview", "turntable", or a camera's name.
        options: see :class:`RenderOptions`.

    Raises:
        InputError: no such frame, view, size or suffix.
        FileExistsError: the file exists and may not be overwritten.
        FileNotFoundError: its folder does not exist.
    """
    path, options = Path(path), options or RenderOptions()
    _check_output(path, IMAGE_SUFFIXES, overwrite=options.overwrite)
    results, clock = _results(poses)
    frame = _frame(clock, frame)
    check_view(view, clock.rig)
    size = _size(clock, size, view, even=False)
    scene = build_comparison(results, frames=slice(frame, frame + 1), look=options.look)
    artist = Artist(scene, view, size, options, supersample=STILL_SUPERSAMPLE)
    image = artist.draw(frame)
    if options.progress:
        options.progress("render", 1, 1)
    _write_image(path, image, overwrite=options.overwrite)
    return Rendered(path, size, frame, note=artist.note)


def render_sheet(
    poses: Poses | Mapping[str, Poses],
    path: str | PathLike[str],
    *,
    moments: int = SHEET_MOMENTS,
    size: tuple[int, int] | None = None,
    view: str = DEFAULT_VIEW,
    options: RenderOptions | None = None,
) -> Rendered:
    """Draw the key moments of poses into one picture file, beside and under each other.

    Args:
        poses: what to show, or several results by name.
        path: ends in .png or .jpg.
        moments: how many at most, chosen so that much movement gets many (see :func:`key_moments`).
        size: (width, height) pixels of the sheet; None is 1600x1000.
        view: as in :func:`render_image`; it fits the people of each moment.
        options: see :class:`RenderOptions`.

    Raises:
        InputError: no such view, size or suffix, or no frame.
        FileExistsError: the file exists and may not be overwritten.
        FileNotFoundError: its folder does not exist.
    """
    path, options = Path(path), options or RenderOptions()
    _check_output(path, IMAGE_SUFFIXES, overwrite=options.overwrite)
    if not 1 <= moments <= MAX_MOMENTS:
        raise InputError(f"a sheet holds 1 to {MAX_MOMENTS} moments, got {moments}")
    results, clock = _results(poses)
    _frame(clock, None)
    check_view(view, clock.rig)
    size = size or SHEET_SIZE
    _size(clock, size, view, even=False)
    frames = key_moments(clock, moments)
    sheet = draw_sheet(build_comparison(results, look=options.look), frames, view=view, size=size, options=options)
    _write_image(path, sheet.image, overwrite=options.overwrite)
    return Rendered(path, size, frames[0], len(frames), note=sheet.note)


def render_video(
    poses: Poses | Mapping[str, Poses],
    path: str | PathLike[str],
    *,
    frames: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    view: str = DEFAULT_VIEW,
    options: RenderOptions | None = None,
) -> Rendered:
    """Draw frames into an MP4 or GIF file, at real speed.

    Args:
        poses: what to show, with its cameras in ``poses.rig``; or several results by name, to compare.
        path: ends in .mp4 or .gif.
        frames: (first, past the last); None means all.
        size: (width, height) pixels, made even; None is 1280x720 (a GIF's: 640x360), or a camera's own proportions.
        view: as in :func:`render_image`; "turntable" goes round once, in 6 s or more (shorter poses are repeated).
        options: see :class:`RenderOptions`.

    Raises:
        InputError: no such frames, view, size or suffix, or no encoder.
        FileExistsError: the file exists and may not be overwritten.
        FileNotFoundError: its folder does not exist.
    """
    path, options = Path(path), options or RenderOptions()
    _check_output(path, VIDEO_SUFFIXES, overwrite=options.overwrite)
    results, clock = _results(poses)
    start, stop = _span(clock, frames)
    check_view(view, clock.rig)
    is_gif = path.suffix.lower() == ".gif"
    size = _size(clock, size, view, even=True, usual=GIF_SIZE if is_gif else SIZE)
    fps = video_fps(clock.fps, options.fps, most=MAX_GIF_FPS if is_gif else MAX_VIDEO_FPS)
    fps = gif_fps(fps) if is_gif else fps
    shown = shown_frames(clock.time[start:stop], fps) + start
    if view == "turntable":
        shown = np.tile(shown, max(1, int(np.ceil(TURN_S * fps / len(shown)))))
    scene = build_comparison(results, frames=slice(start, stop), look=options.look)
    artist = Artist(scene, view, size, options)
    with movie_file(path, size, fps, overwrite=options.overwrite) as video:
        for done, frame in enumerate(shown.tolist()):
            video.add(artist.draw(frame, turn=done / len(shown)))
            if options.progress:
                options.progress("render", done + 1, len(shown))
    return Rendered(path, size, start, len(shown), fps, video.codec, artist.note)


def _results(poses: Poses | Mapping[str, Poses]) -> tuple[Mapping[str, Poses], Poses]:
    """All results by name, and the first, which gives the frames."""
    results = {"": poses} if isinstance(poses, Poses) else poses
    if not results:
        raise InputError("there is no result to draw")
    return results, next(iter(results.values()))


def _write_image(path: Path, image: NDArray[np.uint8], *, overwrite: bool) -> None:
    """Encode by the path's suffix, and write at once."""
    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise InputError(f"{path} could not be encoded; choose another size")
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data.tobytes())


def video_fps(recorded: float, wanted: float | None, *, most: float = MAX_VIDEO_FPS) -> float:
    """The frame rate of a video of poses that were recorded at ``recorded`` frames a second.

    Raises:
        InputError: a wanted rate is not between 0.1 and 240.
    """
    if wanted is not None:
        if not 0.1 <= wanted <= 240:
            raise InputError(f"--fps must be between 0.1 and 240, got {wanted:g}")
        return float(wanted)
    if not (np.isfinite(recorded) and recorded > 0):
        return most
    return float(max(recorded / np.ceil(recorded / most), 0.1))


def shown_frames(time: NDArray[np.float64], fps: float) -> NDArray[np.int64]:
    """Which frame each picture of a video shows, so that it runs at real speed.

    Args:
        time: [T] seconds, rising; where it is not, every frame is shown once.
        fps: of the video.

    Returns:
        [N] positions in ``time``, at least one.
    """
    if len(time) < 2 or not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        return np.arange(len(time))
    duration = time[-1] - time[0] + np.median(np.diff(time))
    ticks = time[0] + np.arange(max(1, round(float(duration * fps)))) / fps
    after = np.clip(np.searchsorted(time, ticks), 1, len(time) - 1)
    return np.where(ticks - time[after - 1] <= time[after] - ticks, after - 1, after).astype(np.int64)


def _check_output(path: Path, suffixes: Sequence[str], *, overwrite: bool) -> None:
    """A file's name must say what it is, its folder be there, and no other file stand in its place."""
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path.name} must end in {' or '.join(suffixes)}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give --overwrite to replace it, or another name")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it, or give another name")
    check_writable(path, overwrite=overwrite)


def _frame(poses: Poses, frame: int | None) -> int:
    """Which frame to draw, 0..T-1."""
    total = len(poses.xyz)
    if not total:
        raise InputError("the poses have no frames, so there is nothing to draw")
    if frame is None:
        return fullest_frame(poses)
    if not -total <= frame < total:
        raise InputError(f"there is no frame {frame}; the poses have frames 0 to {total - 1}")
    return frame % total


def _span(poses: Poses, frames: tuple[int, int] | None) -> tuple[int, int]:
    """First frame and the one past the last."""
    total = len(poses.xyz)
    if not total:
        raise InputError("the poses have no frames, so there is nothing to draw")
    start, stop = (0, total) if frames is None else frames
    stop = min(stop, total)
    if not 0 <= start < stop:
        raise InputError(f"there are no frames {start} to {stop}; the poses have frames 0 to {total - 1}")
    return start, stop


def _size(
    poses: Poses, size: tuple[int, int] | None, view: str, *, even: bool, usual: tuple[int, int] = SIZE
) -> tuple[int, int]:
    """The drawing's size; even sides for video, since encoders halve the colours' resolution."""
    if size is None:
        is_camera = poses.rig is not None and view in poses.rig.names
        size = camera_picture_size(poses.rig[view], longest=usual[0]) if is_camera and poses.rig else usual
    width, height = size
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise InputError(f"a picture's sides must be {MIN_SIDE} to {MAX_SIDE} pixels, got {width}x{height}")
    return (width + width % 2, height + height % 2) if even else (width, height)
