"""Calibration boards: chessboards and ChArUco boards, with their corners in metres.

Convention:
    Board coordinates: x along the columns, y along the rows, z = 0 on the print, metres; seen from its printed side
    with x to the right, y points down. Corners are numbered row by row.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .distortion import Array
from .errors import InputError

if TYPE_CHECKING:
    from cv2.aruco import CharucoBoard

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LENGTH = re.compile(r"([0-9.]+)\s*(mm|cm|m|in)?")
METRES = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "in": 0.0254}
SPELLING = "chessboard:9x6:25mm (inner corners) or charuco:4x5:54mm:DICT_4X4_50:0.75[:inverted][:legacy] (squares)"


@dataclass(frozen=True)
class Board:
    """A printed board.

    Args:
        columns: inner corners (chessboard) or squares (ChArUco) across.
        rows: the same downwards.
        square: side of a square, metres.
        dictionary: a ChArUco board's marker set, as OpenCV calls it (DICT_4X4_50 …); None: a chessboard.
        marker: side of a marker as a part of a square's.
        inverted: printed as a negative, white on black.
        legacy: made by OpenCV before 4.6, which began even-rowed ChArUco boards with a white square.

    Raises:
        InputError: fewer than 3 corners across or 2 down (a ChArUco board 3 x 3 squares), or impossible lengths.
    """

    columns: int
    rows: int
    square: float
    dictionary: str | None = None
    marker: float = 0.75
    inverted: bool = False
    legacy: bool = False

    def __post_init__(self) -> None:
        least = 3 if self.dictionary else 2
        if min(self.columns, self.rows) < least or max(self.columns, self.rows) < 3:
            raise InputError(f"a board of {self.columns}x{self.rows} is too small; at least {max(least, 3)}x{least}")
        if not 0 < self.square < 10:
            raise InputError(f"a board's square must be above 0 and below 10 m, got {self.square:g} m")
        if not 0 < self.marker < 1:
            raise InputError(f"markers must be smaller than their squares: a ratio in 0..1, got {self.marker:g}")
        if self.dictionary:
            marker_dictionary(self.dictionary)

    @property
    def grid(self) -> tuple[int, int]:
        """Corners (across, down)."""
        return (self.columns - 1, self.rows - 1) if self.dictionary else (self.columns, self.rows)

    @property
    def corners(self) -> Array:
        """[N, 3] metres, board frame."""
        across, down = self.grid
        xyz = np.zeros((across * down, 3))
        x, y = np.meshgrid(np.arange(across), np.arange(down))
        xyz[:, 0], xyz[:, 1] = x.ravel(), y.ravel()
        first = 1 if self.dictionary else 0  # OpenCV counts a ChArUco board's metres from its outer corner
        return (xyz + np.array([first, first, 0])) * self.square

    @property
    def neighbours(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """[M, 2] pairs of corners that are one square apart."""
        across, down = self.grid
        index = np.arange(across * down).reshape(down, across)
        right = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1)
        below = np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1)
        return np.concatenate([right, below])

    @property
    def ambiguous(self) -> bool:
        """Whether the board looks the same after half a turn.

        Half a turn takes the square (i, j) of a chessboard to (columns - i, rows - j), whose colour is the same if
        columns + rows (inner corners) is even. Then nobody can tell corner 0 from the last one.
        """
        return self.dictionary is None and (self.columns + self.rows) % 2 == 0

    @property
    def label(self) -> str:
        """For messages."""
        if self.dictionary is None:
            return f"chessboard of {self.columns}x{self.rows} inner corners"
        print_ = "inverted " if self.inverted else ""
        return f"{print_}ChArUco board of {self.columns}x{self.rows} squares, {self.dictionary}"

    def check_orientable(self) -> None:
        """Refuse a board on which cameras that face each other would count from different ends.

        Raises:
            InputError: the board looks the same after half a turn.
        """
        if self.ambiguous:
            raise InputError(
                f"a {self.label} looks the same after half a turn, so cameras cannot agree on its first corner; for "
                "extrinsics one count must be even and the other odd (such as 9x6), or take a ChArUco board"
            )

    def charuco(self) -> CharucoBoard:
        """The board as OpenCV knows it, in metres."""
        import cv2

        assert self.dictionary is not None
        dictionary = cv2.aruco.getPredefinedDictionary(marker_dictionary(self.dictionary))
        size = (self.columns, self.rows)
        board = cv2.aruco.CharucoBoard(size, self.square, self.square * self.marker, dictionary)
        board.setLegacyPattern(self.legacy)
        return board


def marker_dictionary(name: str) -> int:
    """OpenCV's number of a marker dictionary.

    Raises:
        InputError: there is none of this name.
    """
    import cv2

    known = sorted(entry for entry in dir(cv2.aruco) if entry.startswith("DICT_"))
    if name not in known:
        raise InputError(f"there is no marker dictionary {name!r}; there are {', '.join(known)}")
    return int(getattr(cv2.aruco, name))


def parse_board(text: str) -> Board:
    """A board from one line, or from a TOML file such as Caliscope's charuco.toml.

    Args:
        text: ``chessboard:9x6:25mm`` (inner corners) or ``charuco:4x5:54mm:DICT_4X4_50:0.75:inverted`` (squares;
            marker ratio, ``inverted`` and ``legacy`` may be left out), or a path that ends in .toml.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a board.
    """
    if text.endswith(".toml"):
        return read_board(Path(text))
    kind, *fields = text.split(":")
    size = re.fullmatch(r"(\d+)x(\d+)", fields[0]) if fields else None
    length = LENGTH.fullmatch(fields[1]) if len(fields) > 1 else None
    if kind not in ("chessboard", "charuco") or size is None or length is None:
        raise InputError(f"{text!r} is not a board; write {SPELLING}, or name a .toml file")
    square = round(float(length[1]) * METRES[length[2] or "m"], 9)
    if kind == "chessboard":
        return Board(int(size[1]), int(size[2]), square, inverted="inverted" in fields[2:])
    if len(fields) < 3:
        raise InputError(f"{text!r} does not name the markers' dictionary; write {SPELLING}")
    ratios = [field for field in fields[3:] if re.fullmatch(r"[0-9.]+", field)]
    return Board(
        int(size[1]),
        int(size[2]),
        square,
        dictionary=fields[2],
        marker=float(ratios[0]) if ratios else 0.75,
        inverted="inverted" in fields,
        legacy="legacy" in fields,
    )


def read_board(path: Path) -> Board:
    """Read Caliscope's charuco.toml.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not one.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        square = table.get("square_size_override_cm") or table["square_size_overide_cm"]  # sic, in old files
        return Board(
            int(table["columns"]),
            int(table["rows"]),
            round(float(square) / 100, 9),
            dictionary=str(table["dictionary"]),
            marker=float(table["aruco_scale"]),
            inverted=bool(table.get("inverted", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path} does not describe a ChArUco board ({reason}); give the board as {SPELLING}") from None
