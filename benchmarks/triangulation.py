"""Robust triangulation against aniposelib, plain DLT and itself at other numbers of views, all in one run.

    python -m venv .venv-peers && .venv-peers/bin/pip install aniposelib
    .venv/bin/python benchmarks/triangulation.py --peer-python .venv-peers/bin/python

The peer runs in its own environment (its OpenCV is another one) on the same arrays, between two timings of ours. Since
version 0.8 its `triangulate` is compiled by JAX for each number of points it meets: the first call, which is what a
user's capture sees, and later calls with the same number of points are both given. Truth is synthetic: points in a
2 x 2 x 2 m volume, cameras on a ring, 2 px Gaussian noise, 10 % of the observations anywhere in the picture.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lift3d.calib.triangulation import triangulate_linear
from lift3d.datasets.synthetic import ring_rig
from lift3d.triangulation import triangulate

SIGMA_PX = 2.0
OUTLIERS = 0.1
WRONG_M = 0.05
RANSAC_POINTS = 100  # the peer's ransac tries the subsets of views of each point in turn; a hundred points take seconds


def make(views: int, points: int, seed: int = 0):
    """A rig, true points [N, 3], clean and contaminated observations [V, N, 2] and which were contaminated [V, N]."""
    rng = np.random.default_rng(seed)
    rig = ring_rig(views)
    xyz = rng.uniform((-1, -1, 0), (1, 1, 2), (points, 3))
    clean = rig.project(xyz)
    clean = clean + rng.normal(size=clean.shape) * SIGMA_PX
    outlier = rng.random(clean.shape[:2]) < OUTLIERS
    xy = clean.copy()
    size = np.array([camera.size for camera in rig])
    xy[outlier] = (rng.random((*clean.shape[:2], 2)) * size[:, None])[outlier]
    return rig, xyz, clean, xy, outlier


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of a few runs."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return float(best)


def wrong_share(found, xyz) -> float:
    """Points off by more than 5 cm, or not given at all."""
    return float(1 - (np.linalg.norm(found - xyz, axis=1) <= WRONG_M).mean())


PEER = """
import json, sys, time
import cv2, numpy as np
from aniposelib.cameras import Camera, CameraGroup
data = np.load(sys.argv[1])
cameras = [Camera(matrix=K, dist=D, size=[1280, 720], rvec=cv2.Rodrigues(R)[0].ravel(), tvec=t, name=str(i))
           for i, (K, D, R, t) in enumerate(zip(data["K"], data["dist"], data["R"], data["t"]))]
group, xy, few = CameraGroup(cameras), data["xy"], int(sys.argv[2])
def seconds(work, repeats):
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:]), result
np.asarray(group.triangulate(xy[:, :-7]))  # imports and whatever else is done but once
first, plain, points = seconds(lambda: np.asarray(group.triangulate(xy)), 3)
_, ransac, _ = seconds(lambda: group.triangulate_ransac(xy[:, :few]), 1)
wrong = float(1 - (np.linalg.norm(points - data["xyz"], axis=1) <= 0.05).mean())
n = xy.shape[1]
print(json.dumps({"first_s": first / n, "triangulate_s": plain / n, "ransac_s": ransac / few, "wrong": wrong}))
"""


def run_peer(python: str, rig, xyz, xy) -> dict[str, float]:
    """Seconds a point of the peer's two ways, measured in its own interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.npz", Path(folder) / "peer.py"
        cameras = {name: np.stack([getattr(camera, name) for camera in rig]) for name in ("K", "dist", "R", "t")}
        np.savez(data, xyz=xyz, xy=xy, **cameras)
        script.write_text(PEER)
        command = [python, "-W", "ignore", str(script), str(data), str(RANSAC_POINTS)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="the interpreter of an environment with aniposelib")
    parser.add_argument("--points", type=int, default=100_000)
    arguments = parser.parse_args()

    rig, xyz, clean, xy, outlier = make(4, arguments.points)
    ours = seconds(lambda: triangulate(xy, rig)) / arguments.points
    found = triangulate(xy, rig).xyz
    if arguments.peer_python:
        peer = run_peer(arguments.peer_python, rig, xyz, xy)
        again = seconds(lambda: triangulate(xy, rig)) / arguments.points
        print(f"aniposelib triangulate_ransac / lift3d, time a point: {peer['ransac_s'] / max(ours, again):,.0f}")
        for text, key in (("first call", "first_s"), ("same shape again", "triangulate_s")):
            print(f"aniposelib triangulate ({text}) / lift3d, time a point: {peer[key] / max(ours, again):.2f}")
        print(f"aniposelib triangulate: {100 * peer['wrong']:.1f} % of the points wrong")
        ours = max(ours, again)
    else:
        print("aniposelib was not measured: give --peer-python", file=sys.stderr)
    plain = triangulate_linear(rig.undistort(xy), rig)
    missing = np.isnan(found[:, 0]).mean()
    print(f"plain DLT: {100 * wrong_share(plain, xyz):.1f} % of the points wrong (off by over 5 cm)")
    print(f"lift3d: {100 * wrong_share(found, xyz):.2f} % wrong or missing, of which {100 * missing:.2f} % missing")
    untouched = ~outlier.any(0)
    dlt = triangulate_linear(rig.undistort(clean), rig)
    ratio = np.nanmean(np.linalg.norm(found - xyz, axis=1)[untouched])
    ratio /= np.linalg.norm(dlt - xyz, axis=1)[untouched].mean()
    print(
        f"points without outliers: mean error {ratio:.3f} of plain DLT's, {np.isnan(found[untouched, 0]).sum()} missing"
    )
    many, _, _, xy_many, _ = make(16, arguments.points)
    slower = seconds(lambda: triangulate(xy_many, many), 2) / arguments.points / ours
    print(f"16 views / 4 views, time a point: {slower:.1f}")
    print(f"lift3d: {1e6 * ours:.1f} microseconds a point on this machine, 4 views")


if __name__ == "__main__":
    main()
