"""All that one camera saw of a board, frame after frame, from photos or a video, with a count of the failures."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .board_detection import Corners, Detection, Image, detect_board
from .boards import Board
from .distortion import Array
from .errors import CalibrationError, InputError

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".m4v")
DIAGNOSED = 6  # pictures in which other boards are tried when none was found


@dataclass(frozen=True, eq=False)
class BoardViews:
    """The board in F frames of one camera.

    Args:
        camera: its name.
        size: (width, height) of its pictures.
        board: what was looked for.
        frames: [F] numbers of the frames in which the board was found, rising; for photos their place in the list.
        xy: [F, N, 2] pixels of the board's corners; NaN: not seen.
        sharpness: [F].
        sources: [F] what messages call the frames.
        looked: in how many pictures the board was looked for.
        misses: why it was not found, and how often.
        fps: frames a second of a video; 0: photos.
        corners: whose corners these are, see :func:`lift3d.calib.board_detection.detect_board`.
    """

    camera: str
    size: tuple[int, int]
    board: Board
    frames: NDArray[np.int64]
    xy: Array
    sharpness: Array
    sources: tuple[str, ...]
    looked: int = 0
    misses: tuple[tuple[str, int], ...] = ()
    fps: float = 0.0
    corners: Corners = "lift3d"

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> BoardViews:
        """Some of the frames, by position or mask."""
        positions = np.arange(len(self))[index]
        return replace(
            self,
            frames=self.frames[positions],
            xy=self.xy[positions],
            sharpness=self.sharpness[positions],
            sources=tuple(self.sources[i] for i in positions),
        )

    def at(self, frames: NDArray[np.int64]) -> Array:
        """[len(frames), N, 2] pixels at these frame numbers; NaN where the board was not found."""
        xy = np.full((len(frames), *self.xy.shape[1:]), np.nan)
        _, into, here = np.intersect1d(frames, self.frames, return_indices=True)
        xy[into] = self.xy[here]
        return xy


def views_of_photos(
    paths: Iterable[Path],
    board: Board,
    *,
    camera: str,
    corners: Corners = "lift3d",
    progress: Progress | None = None,
) -> BoardViews:
    """Find a board in one camera's photos.

    Args:
        paths: picture files, all of one size.
        board: what to look for.
        camera: the camera's name.
        corners: see :func:`lift3d.calib.board_detection.detect_board`.
        progress: called as progress(stage, done, total).

    Raises:
        CalibrationError: no picture, one that cannot be read, or pictures of different sizes.
    """
    files = sorted(Path(path) for path in paths)
    if not files:
        raise CalibrationError(f"camera {camera}: no photo to look for the board in; wanted {', '.join(PHOTOS)}")
    look = partial(detect_board, board=board, thorough=True, corners=corners)
    views = _collect(_read_photos(files), board, look, camera=camera, total=len(files), progress=progress)
    return replace(views, corners=corners)


def views_of_video(
    path: Path,
    board: Board,
    *,
    camera: str,
    every: int = 1,
    corners: Corners = "lift3d",
    progress: Progress | None = None,
) -> BoardViews:
    """Find a board in one camera's video.

    Args:
        path: a video that OpenCV opens.
        board: what to look for.
        camera: the camera's name.
        every: look at every n-th frame.
        corners: see :func:`lift3d.calib.board_detection.detect_board`.
        progress: called as progress(stage, done, total).

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is no video, or has no frame.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such video of camera {camera}")
    video = cv2.VideoCapture(str(path))
    try:
        total = max(int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        look = partial(detect_board, board=board, thorough=False, corners=corners)
        pictures = _read_video(video, Path(path), every)
        views = _collect(pictures, board, look, camera=camera, total=total // every, progress=progress)
        return replace(views, fps=float(video.get(cv2.CAP_PROP_FPS)), corners=corners)
    finally:
        video.release()


def views_of_folder(
    folder: Path, board: Board, *, corners: Corners = "lift3d", progress: Progress | None = None
) -> BoardViews:
    """Find a board in the photos in a folder, or else in the one video there; the folder's name is the camera's.

    Raises:
        FileNotFoundError: there is no such folder.
        CalibrationError: it holds neither photos nor exactly one video.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    files = sorted(file for file in folder.iterdir() if file.is_file())
    photos = [file for file in files if file.suffix.lower() in PHOTOS]
    videos = [file for file in files if file.suffix.lower() in VIDEOS]
    if photos:
        return views_of_photos(photos, board, camera=folder.name, corners=corners, progress=progress)
    if len(videos) != 1:
        raise CalibrationError(
            f"{folder} holds no photo and {len(videos)} videos; wanted photos of a board or one video"
        )
    return views_of_video(videos[0], board, camera=folder.name, corners=corners, progress=progress)


def _read_photos(files: Sequence[Path]) -> Iterator[tuple[int, str, Image]]:
    """Number, name and picture; a file that cannot be read ends the work."""
    for number, file in enumerate(files):
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise CalibrationError(f"{file} cannot be read as a picture; leave it out or export it again")
        yield number, file.name, np.asarray(image, np.uint8)


def _read_video(video: cv2.VideoCapture, path: Path, every: int) -> Iterator[tuple[int, str, Image]]:
    """Every n-th frame; those between are passed over without being decoded in full."""
    if not video.isOpened():
        raise CalibrationError(f"{path} cannot be opened as a video; convert it to H.264 MP4")
    number = 0
    while video.grab():
        if number % every == 0:
            got, image = video.retrieve()
            if got:
                yield number, f"{path.name} frame {number}", np.asarray(image, np.uint8)
        number += 1
    if not number:
        raise CalibrationError(f"{path} holds no frame that can be read; convert it to H.264 MP4")


def _collect(
    pictures: Iterable[tuple[int, str, Image]],
    board: Board,
    look: Callable[[Image], Detection],
    *,
    camera: str,
    total: int,
    progress: Progress | None,
) -> BoardViews:
    """Look into every picture and keep count."""
    found: list[tuple[int, str, Array, float]] = []
    misses: Counter[str] = Counter()
    size: tuple[int, int] | None = None
    first, looked = "", 0
    missed: list[Image] = []
    for number, name, image in pictures:
        here = (image.shape[1], image.shape[0])
        if size is None:
            size, first = here, name
        if here != size:
            raise CalibrationError(
                f"camera {camera}: {name} is {here[0]}x{here[1]}, {first} {size[0]}x{size[1]}; the photos of one "
                "camera must be of one size, not cropped or turned: take out those of the other size"
            )
        detection = look(image)
        looked += 1
        if detection.xy is None:
            misses[detection.reason] += 1
            if len(missed) < DIAGNOSED:
                missed.append(image)
        else:
            found.append((number, name, detection.xy, detection.sharpness))
        if progress:
            progress(f"looking for the board in {camera}", looked, total)
    if size is None:
        raise CalibrationError(f"camera {camera}: there was no picture to look at")
    if not found:
        raise CalibrationError(_nothing_found(camera, board, looked, misses, missed))
    logger.info("camera %s: the %s was found in %d of %d pictures", camera, board.label, len(found), looked)
    return BoardViews(
        camera,
        size,
        board,
        np.array([entry[0] for entry in found], np.int64),
        np.array([entry[2] for entry in found]).reshape(-1, board.grid[0] * board.grid[1], 2),
        np.array([entry[3] for entry in found]),
        tuple(entry[1] for entry in found),
        looked,
        tuple(misses.most_common()),
    )


def _nothing_found(camera: str, board: Board, looked: int, misses: Counter[str], images: Sequence[Image]) -> str:
    """One line that says how often the board was looked for, why it failed, and which other board would fit."""
    reason = ", ".join(f"{text} in {count}" for text, count in misses.most_common(2))
    line = f"camera {camera}: no {board.label} in any of {looked} pictures ({reason})"
    near = near_miss(images, board)
    return f"{line}; {near}" if near else f"{line}; check the board's size and that it is in full view and sharp"


def near_miss(images: Sequence[Image], board: Board) -> str:
    """Which other board these pictures show, in words; empty if none that is tried."""
    for other, words in _other_boards(board):
        count = sum(detect_board(image, other, thorough=False).xy is not None for image in images)
        if count:
            return f"{words} is in {count} of the {len(images)} of them tried"
    if board.dictionary:
        mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        count = sum(detect_board(image, board, thorough=False).xy is not None for image in mirrored)
        if count:
            return f"the pictures are mirrored (found in {count} of {len(images)} after mirroring): film without mirror"
    return ""


def _other_boards(board: Board) -> Iterator[tuple[Board, str]]:
    """Boards that are often meant instead, with their names."""
    if board.dictionary:
        turned = replace(board, inverted=not board.inverted)
        yield turned, f"the {'inverted' if turned.inverted else 'normal'} print of it"
        yield replace(board, legacy=not board.legacy), "the same board in OpenCV's order before 4.6 (legacy)"
        yield replace(board, columns=board.rows, rows=board.columns), f"one of {board.rows}x{board.columns} squares"
        family = board.dictionary.rsplit("_", 1)[0]
        sizes = ("DICT_4X4", "DICT_5X5", "DICT_6X6", "DICT_7X7")
        for name in (f"{other}_1000" for other in sizes if other != family):
            yield replace(board, dictionary=name), f"one with markers of {name}"
        return
    for across, down in ((-1, -1), (0, -1), (-1, 0), (1, 1), (0, 1), (1, 0), (-2, -2)):
        columns, rows = board.columns + across, board.rows + down
        try:
            other = Board(columns, rows, board.square, inverted=board.inverted)
        except InputError:
            continue
        yield other, f"a chessboard of {columns}x{rows} inner corners (count inner corners, not squares)"
