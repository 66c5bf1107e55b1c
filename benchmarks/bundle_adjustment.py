"""Bundle adjustment over a moving board: 16 cameras x 2,000 frames, and against aniposelib on the same detections.

    python -m venv .venv-peers && .venv-peers/bin/pip install aniposelib
    .venv/bin/python benchmarks/bundle_adjustment.py --peer-python .venv-peers/bin/python

The board is synthetic: cameras on a ring, a board of 6 x 5 corners (60 mm squares) turned about in the middle, seen by
the cameras that it faces; 0.3 px of Gaussian noise, 1 % of the corners off by 20 px; the start is off by 1 degree and
3 cm. The peer gets the same start, lenses and detections in its own environment and adjusts extrinsics only, by
`bundle_adjust_iter` as its own calibration does. Held-out error: frames that neither saw, corner distances and pixels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lift3d.calib import Camera, Rig
from lift3d.calib.board_check import check_corners
from lift3d.calib.board_extrinsics import place_board
from lift3d.calib.boards import Board
from lift3d.calib.bundle_adjustment import AdjustmentConfig, BoardObservations, BoardPoses, adjust_boards
from lift3d.calib.rotation import rotation_matrix, rotation_vector

BOARD = Board(6, 5, 0.06)
NOISE_PX = 0.3
WILD = 0.01
PEER = """
import json, sys, time
import numpy as np
from aniposelib.cameras import Camera, CameraGroup
data = np.load(sys.argv[1])
size = data["size"].tolist()
cameras = [
    Camera(matrix=K, dist=d, rvec=r, tvec=t, size=size, name=str(i))
    for i, (K, d, r, t) in enumerate(zip(data["K"], data["dist"], data["rvec"], data["tvec"]))
]
group = CameraGroup(cameras)
extra = {key: data["extra_" + key] for key in ("ids", "objp", "rvecs", "tvecs")}
start = time.perf_counter()
group.bundle_adjust_iter(data["p2ds"], extra, only_extrinsics=True, verbose=False)
seconds = time.perf_counter() - start
np.savez(sys.argv[2], rvec=group.get_rotations(), tvec=group.get_translations(), seconds=seconds)
"""


def make(cameras: int, frames: int, seed: int = 0):
    """A true rig, a start that is off, detections [C, P, N, 2] of frames and of as many held-out ones (at most 200)."""
    rng = np.random.default_rng(seed)
    rig = Rig(tuple(_camera(i, 2 * np.pi * i / cameras) for i in range(cameras)))
    xy = _film(rig, frames + frames // 2, rng)[:, :frames]
    held = _film(rig, min(frames, 200), rng)
    start = [rig[0]]
    for camera in list(rig)[1:]:
        turn = rotation_matrix(rng.normal(0, np.radians(1) / np.sqrt(3), 3))
        start.append(camera.with_pose(turn @ camera.R, camera.t + rng.normal(0, 0.03 / np.sqrt(3), 3)))
    return rig, start, xy, held


def _camera(i: int, angle: float) -> Camera:
    """On a ring of 2.5 m, looking at the middle."""
    center = np.array([2.5 * np.cos(angle), 2.5 * np.sin(angle), 1.2])
    z = -center / np.linalg.norm(center)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    K = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
    return Camera(f"cam{i:02d}", K, np.array([-0.15, 0.03, 0, 0, 0]), R, -R @ center, (1280, 720))


def _film(rig: Rig, frames: int, rng: np.random.Generator):
    """What the cameras see; NaN where the board does not face them."""
    corners = BOARD.corners - BOARD.corners.mean(0)
    angle = rng.uniform(0, 2 * np.pi, frames)
    z = -np.stack([np.cos(angle), np.sin(angle), rng.normal(0.2, 0.2, frames)], axis=1)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    x = np.cross([0, 0, -1.0], z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    R = np.stack([x, np.cross(z, x), z], axis=2) @ rotation_matrix(rng.normal(0, 0.3, (frames, 3)) * [0, 0, 1])
    t = rng.uniform(-0.4, 0.4, (frames, 3))
    xy = rig.project(corners @ R.transpose(0, 2, 1) + t[:, None])
    xy += rng.normal(0, NOISE_PX, xy.shape)
    wild = rng.random(xy.shape[:3]) < WILD
    xy[wild] += rng.normal(0, 20, (int(wild.sum()), 2))
    away = t - rig.centers[:, None]
    facing = np.einsum("cpi,pi->cp", away, z) > 0.6 * np.linalg.norm(away, axis=-1)
    xy[~facing] = np.nan
    return xy[:, facing.sum(0) >= 2]


def ours(start, xy):
    """The adjusted rig, and seconds for placing the board and adjusting."""
    corners = BOARD.corners - BOARD.corners.mean(0)
    begin = time.perf_counter()
    observations = BoardObservations(corners, xy)
    poses = place_board(start, observations)
    placed = time.perf_counter()
    result = adjust_boards(start, observations, poses, config=AdjustmentConfig(loss_scale=1.0))
    return Rig(result.cameras), placed - begin, time.perf_counter() - placed, result


def peer(python: Path, start, xy, poses: BoardPoses):
    """The same by aniposelib."""
    C, P, N, _ = xy.shape
    corners = BOARD.corners - BOARD.corners.mean(0)
    rvecs, tvecs = np.full((C, P, 3), np.nan), np.full((C, P, 3), np.nan)
    for c, camera in enumerate(start):
        rvecs[c] = rotation_vector(camera.R @ poses.R)
        tvecs[c] = poses.t @ camera.R.T + camera.t
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(
            source,
            size=start[0].size,
            K=[camera.K for camera in start],
            dist=[camera.dist for camera in start],
            rvec=[rotation_vector(camera.R) for camera in start],
            tvec=[camera.t for camera in start],
            p2ds=xy.reshape(C, P * N, 2),
            extra_ids=np.repeat(np.arange(P), N),
            extra_objp=np.tile(corners, (P, 1)),
            extra_rvecs=np.repeat(rvecs, N, axis=1),
            extra_tvecs=np.repeat(tvecs, N, axis=1),
        )
        subprocess.run([python, "-c", PEER, source, target], check=True, stdout=subprocess.DEVNULL)
        with np.load(target) as data:
            rotations, shifts, seconds = rotation_matrix(data["rvec"]), data["tvec"], float(data["seconds"])
    cameras = [camera.with_pose(R, t) for camera, R, t in zip(start, rotations, shifts, strict=True)]
    return Rig(tuple(cameras)), seconds


def errors(rig: Rig, held, truth: Rig) -> dict[str, float]:
    """Held-out figures, and how far the cameras stand off the truth relative to the first."""
    check = check_corners(rig, BOARD, held)
    places = (rig.centers - rig[0].center) @ rig[0].R.T - (truth.centers - truth[0].center) @ truth[0].R.T
    return {
        "held_out_median_px": round(float(np.nanmedian(np.linalg.norm(check.residuals, axis=-1))), 4),
        "held_out_corner_distance_mm": round(1000 * check.median_distance_error, 4),
        "scale": round(check.scale, 6),
        "camera_place_rms_mm": round(1000 * float(np.sqrt((places**2).sum(1)[1:].mean())), 4),
    }


def main() -> int:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", type=Path, help="Python of an environment with aniposelib.")
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--peer-cameras", type=int, default=6, help="for the comparison")
    parser.add_argument("--peer-frames", type=int, default=100, help="for the comparison")
    arguments = parser.parse_args()
    truth, start, xy, held = make(arguments.cameras, arguments.frames)
    rig, placing, adjusting, result = ours(start, xy)
    report = {
        "large": {
            "cameras": arguments.cameras,
            "frames": xy.shape[1],
            "corners_seen": int(np.isfinite(xy[..., 0]).sum()),
            "placing_s": round(placing, 2),
            "adjusting_s": round(adjusting, 2),
            "steps": result.steps,
            "converged": result.converged,
            **errors(rig, held, truth),
        }
    }
    if arguments.peer_python is not None:
        truth, start, xy, held = make(arguments.peer_cameras, arguments.peer_frames, seed=1)
        rig, placing, adjusting, result = ours(start, xy)
        poses = place_board(start, BoardObservations(BOARD.corners - BOARD.corners.mean(0), xy))
        theirs, seconds = peer(arguments.peer_python, start, xy, poses)
        report["same_detections"] = {
            "cameras": arguments.peer_cameras,
            "frames": xy.shape[1],
            "ours": {"seconds": round(placing + adjusting, 3), **errors(rig, held, truth)},
            "aniposelib": {"seconds": round(seconds, 3), **errors(theirs, held, truth)},
        }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
