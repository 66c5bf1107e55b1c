"""Is the focal length of OpenCV's stereo set biased by how we find corners? The figures of docs/calibration.md.

python benchmarks/chessboard_focal.py [choices] [drawn]

``choices`` calibrates the left camera in other ways; ``drawn`` draws its photos anew, at the poses and with the uneven
print that were found, by a lens whose focal length is known, and calibrates on the drawings. LIFT3D_SHARED names the
folder of captures.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from lift3d.calib import board_detection
from lift3d.calib.board_extrinsics import ExtrinsicsConfig, calibrate_board_extrinsics
from lift3d.calib.board_views import views_of_photos
from lift3d.calib.boards import Board
from lift3d.calib.intrinsics import IntrinsicsConfig, calibrate_intrinsics, place_boards
from lift3d.calib.lens_parameters import LensShape

CAPTURES = Path(os.environ.get("LIFT3D_SHARED", Path(__file__).parents[2] / "shared")) / "captures"
BOARD = Board(9, 6, 0.025)
FOCAL = 535.92  # published with the photos
FINE = 3  # drawn pixels an axis and pixel
BLUR, NOISE = 0.8, 2.0  # pixels; grey values of 255


def look(side, corners="lift3d"):
    files = sorted((CAPTURES / "chessboard_stereo").glob(f"{side}*.jpg"))
    return views_of_photos(files, BOARD, camera=side, corners=corners)


def tell(label, views, **config):
    lens = calibrate_intrinsics(views, config=IntrinsicsConfig(**config))
    print(
        f"{label}: f {lens.camera.focal[0]:.2f} +- {lens.sigma[0]:.2f} px, rms {lens.rms:.3f}, held out "
        f"{lens.held_out_rms:.3f} px, print off by {1000 * lens.bend:.2f} mm",
        flush=True,
    )
    return lens


def choices():
    left, right = look("left"), look("right")
    lenses = [tell("default, left", left), tell("default, right", right)]
    tell("board as printed", left, bend=False)
    tell("without k3", left, shape=LensShape(coefficients=4))
    tell("one focal length for both axes", left, fix=frozenset({"fy"}))
    tell("without left08", left.select(np.array([name != "left08.jpg" for name in left.sources])))
    refine = frozenset(("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3"))
    both = calibrate_board_extrinsics(
        [left, right], [lens.camera for lens in lenses], config=ExtrinsicsConfig(refine=refine, held_out=0)
    ).rig
    apart = 1000 * np.linalg.norm(both[0].center - both[1].center)
    print(f"both cameras, the boards and the print at once: f {both[0].focal[0]:.2f} px, baseline {apart:.2f} mm")
    theirs = look("left", "opencv")
    tell("OpenCV's corners, none left out", theirs, reject=False, bend=False)
    few = tell("OpenCV's corners, wrong ones left out", theirs, bend=False)
    print(f"  left out: {few.outliers} corners of {np.isfinite(theirs.xy[..., 0]).sum()}, {few.left_out}")
    tell("OpenCV's corners, wrong ones left out, print fitted", theirs)
    for board_detection.WINDOW in (0.3, 0.47):
        tell(f"window of {board_detection.WINDOW} squares", look("left"))


def drawn():
    found = calibrate_intrinsics(look("left"))
    K = found.camera.K.copy()
    K[0, 0] = K[1, 1] = FOCAL
    lens = replace(found.camera, K=K)
    poses = place_boards(lens, found.views)
    off = (found.corners - BOARD.corners).reshape(BOARD.rows, BOARD.columns, 3) / BOARD.square
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / Path(name).with_suffix(".png") for name in found.views.sources]
        for file, R, t in zip(files, poses.R, poses.t, strict=True):
            cv2.imwrite(str(file), draw(lens, R, t, off, rng))
        ours = views_of_photos(files, BOARD, camera="left")
        theirs = views_of_photos(files, BOARD, camera="left", corners="opencv")
    print(f"drawn with f {FOCAL} px")
    tell("default", ours)
    tell("board as printed", ours, bend=False)
    tell("OpenCV's corners, none left out", theirs, reject=False, bend=False)


def draw(lens, R, t, off, rng):
    """The board at a pose: every pixel is the mean of FINE x FINE rays."""
    width, height = lens.size
    step = (np.arange(FINE) - (FINE - 1) / 2) / FINE
    x, y = ((np.arange(n)[:, None] + step).ravel() for n in (width, height))
    rays = lens.undistort(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    onto = np.column_stack([rays, np.ones(len(rays))]) @ np.linalg.inv(np.column_stack([R[:, :2], t])).T
    place = onto[:, :2] / onto[:, 2:] / BOARD.square  # in squares from the first corner
    place -= uneven(off, place)
    inside = ((place > -1) & (place < [BOARD.columns, BOARD.rows])).all(1)
    paper = ((place > -1.6) & (place < [BOARD.columns + 0.6, BOARD.rows + 0.6])).all(1)
    grey = np.where(inside & (np.floor(place).sum(1) % 2 == 0), 30.0, np.where(paper, 215.0, 110.0))
    grey = cv2.GaussianBlur(grey.reshape(height, FINE, width, FINE).mean((1, 3)), (0, 0), BLUR)
    return np.clip(np.round(grey + rng.normal(0, NOISE, grey.shape)), 0, 255).astype(np.uint8)


def uneven(off, place):
    """By how many squares the print is off, in its plane, where rays meet it."""
    from scipy.ndimage import map_coordinates

    at = np.clip(place[:, ::-1].T, 0, [[BOARD.rows - 1], [BOARD.columns - 1]])
    return np.stack([map_coordinates(off[..., axis], at, order=1) for axis in (0, 1)], axis=-1)


if __name__ == "__main__":
    parts = {"choices": choices, "drawn": drawn}
    for name in sys.argv[1:] or parts:
        parts[name]()
