"""What heavy tails of the noise cost, and what heeding them in triangulation gains.

    .venv/bin/python benchmarks/heavy_tails.py synthetic
    .venv/bin/python benchmarks/heavy_tails.py asked
    .venv/bin/lift3d calibrate repair ../shared/captures/balance -o repaired.toml \\
        --keypoints ../shared/captures/balance/keypoints/blazepose
    .venv/bin/python benchmarks/heavy_tails.py balance --calibration repaired.toml

`synthetic`: points in 2 x 2 x 2 m before a ring of cameras, Student's t noise 3 px wide; mean error by least squares
and as triangulated, and how many of the 90 % ellipsoids hold the truth.

`asked`: the same with four views, under laws that a user may ask for, whatever the noise is.

`balance`: BlazePose and OpenPose saw the same person. For every degree of freedom: log-likelihood of the BlazePose
keypoints, their median residual, how steady limbs are, acceleration, how far the joints that both detectors know are
from OpenPose's (least squares, constant offsets taken off), and how well a camera is predicted by the other three.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from lift3d.calib import Rig
from lift3d.consensus import GATE, Consensus, find_consensus
from lift3d.datasets import Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.synthetic import ring_rig
from lift3d.heavy_tails import heed_tails, log_likelihood
from lift3d.noise import NoiseModel, Tails
from lift3d.point_solver import Observations, observe
from lift3d.reconstruct import reconstruct
from lift3d.summary import residuals
from lift3d.triangulation import triangulate

LAWS = (np.inf, 10.0, 6.0, 4.0, 3.0)
DEGREES = (np.inf, 20.0, 14.0, 10.0, 7.0, 5.0, 4.0, 3.0, 2.0, 1.0)
SHARED_JOINTS = [
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel")
]
SYMMETRIC = [[0, 1, 2], [1, 3, 4], [2, 4, 5]]


def judge(found, xyz) -> tuple[float, float]:
    """Mean error in mm, coverage in per cent."""
    e = (found.xyz - xyz)[np.isfinite(found.xyz).all(-1)][..., None]
    C = found.covariance[np.isfinite(found.xyz).all(-1)][:, SYMMETRIC]
    inside = (e * np.linalg.solve(C, e)).sum((1, 2)) < 6.2514
    return 1000 * float(np.linalg.norm(e, axis=1).mean()), 100 * float(inside.mean())


def seen_points(rig: Rig, law: float, points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [points, 3], and where the cameras see them, 3 px off by Student's t with these degrees of freedom."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform((-1, -1, 0), (1, 1, 2), (points, 3))
    noise = 3.0 * rng.normal(size=(len(rig), points, 2))
    if np.isfinite(law):
        noise /= np.sqrt(rng.chisquare(law, (len(rig), points)) / law)[..., None]
    return xyz, rig.project(xyz) + noise


def synthetic(points: int = 6000, seeds: int = 3) -> None:
    """Laws of noise and numbers of views."""
    print("views  law       least squares mm, coverage %   heeding tails mm, coverage %   ratio   degrees found")
    for views in (3, 4, 8):
        rig = ring_rig(views)
        for law in LAWS:
            rows, degrees = [], []
            for seed in range(seeds):
                xyz, xy = seen_points(rig, law, points, seed)
                found = triangulate(xy, rig)
                plain = triangulate(xy, rig, noise=NoiseModel(found.noise.joint))
                rows.append((*judge(plain, xyz), *judge(found, xyz)))
                degrees.append(found.noise.tails.degrees)
            a, b, c, d = np.mean(rows, axis=0)
            name = f"t, {law:g}" if np.isfinite(law) else "Gaussian"
            print(
                f"{views:5d}  {name:9s} {a:10.2f} {b:10.1f} {c:20.2f} {d:10.1f} {c / a:15.3f}   {degrees}", flush=True
            )


def fixed(views: int = 4, points: int = 6000) -> None:
    """What a law that is fixed beforehand costs on Gaussian noise."""
    rig = ring_rig(views)
    xyz, xy = seen_points(rig, np.inf, points, 1)
    joint = triangulate(xy, rig).noise.joint
    obs = observe(xy, rig).with_noise(np.full((views, points), joint[0]))
    print(f"{views} views, Gaussian noise, but triangulated with fixed degrees of freedom:")
    for degrees in (np.inf, 10.0, 5.0, 3.0, 1.0):
        width = fitted(obs, find_consensus(obs), degrees)[1].width
        found = triangulate(xy, rig, noise=NoiseModel(joint, tails=Tails(degrees, width)))
        error, coverage = judge(found, xyz)
        print(f"{degrees:5g}: {error:.2f} mm, {coverage:.1f} %")


def asked(views: int = 4, points: int = 3000) -> None:
    """What `--tails` costs and gains; mean of two seeds."""
    rig = ring_rig(views)
    for law in (np.inf, 4.0):
        print(f"{views} views, noise of {law:g} degrees of freedom; error mm, coverage %, median residual px:")
        rows: dict[str, list[tuple[float, ...]]] = {}
        for seed in range(2):
            xyz, xy = seen_points(rig, law, points, seed)
            for tails in ("auto", "gaussian", "3", "cauchy"):
                found = triangulate(xy, rig, tails=tails)
                residual = np.nanmedian(np.linalg.norm(rig.project(found.xyz) - xy, axis=-1))
                rows.setdefault(tails, []).append((*judge(found, xyz), float(residual)))
        for tails, values in rows.items():
            error, coverage, residual = np.mean(values, axis=0)
            print(f"{tails:>9s} {error:8.2f} {coverage:6.1f} {residual:6.2f}")


def fitted(obs: Observations, found: Consensus, degrees: float) -> tuple[float, Tails]:
    """The log-likelihood under so many degrees of freedom, and the law with its width."""
    three = np.flatnonzero(found.inlier.sum(0) >= 3)
    inliers, X, law = obs.take(three).weighted(found.inlier[:, three]), found.X[:, three], Tails(degrees)
    for _ in range(4):
        score, law, X = log_likelihood(inliers, X, law, GATE)
    return score, law


class Capture:
    """One detector's keypoints of the capture, ready to be triangulated under any law."""

    def __init__(self, folder: Path, calibration: Path, detector: str) -> None:
        capture = open_capture(folder, calibration=calibration, keypoints=folder / "keypoints" / detector)
        self.poses: Poses = reconstruct(capture.keypoints, capture.rig, fps=capture.fps).poses
        k = self.poses.keypoints
        noise = triangulate(k.xy, self.poses.rig, k.confidence).noise
        self.shape = k.confidence.shape
        sigma = np.moveaxis(noise.sigma(k.confidence), 1, 0).reshape(self.shape[1], -1)
        self.obs = observe(np.moveaxis(k.xy, 1, 0).reshape(len(sigma), -1, 2), self.poses.rig).with_noise(sigma)

    def under(self, degrees: float, without: int | None = None) -> tuple[float, Poses]:
        """Log-likelihood and poses; one camera may be left out."""
        seen = np.ones_like(self.obs.seen)
        if without is not None:
            seen[without] = False
        obs = self.obs.weighted(seen)
        found = find_consensus(obs)
        score, law = fitted(obs, found, degrees)
        found = heed_tails(obs, found, law)
        T, _, P, J = self.shape
        return score, self.poses.replace(xyz=found.X.T.reshape(T, P, J, 3))

    def joints(self, poses: Poses) -> np.ndarray:
        """[T, N, 3] mm, those that both detectors know."""
        return 1000 * poses.xyz[:, 0, [poses.skeleton.index(name) for name in SHARED_JOINTS]]


def steadiness(poses: Poses) -> tuple[float, float]:
    """Variation of limb lengths in per cent; median acceleration in m/s²."""
    lengths = [np.linalg.norm(poses.xyz[:, 0, a] - poses.xyz[:, 0, b], axis=-1) for a, b in poses.skeleton.limb_bones]
    acceleration = np.linalg.norm(np.diff(poses.xyz, 2, axis=0), axis=-1) * poses.fps**2
    return 100 * float(np.mean([np.nanstd(x) / np.nanmean(x) for x in lengths])), float(np.nanmedian(acceleration))


def balance(shared: Path, calibration: Path) -> None:
    """Every degree of freedom on the real capture."""
    folder = shared / "captures/balance"
    blaze, open_pose = (Capture(folder, calibration, name) for name in ("blazepose", "openpose"))
    other = open_pose.joints(open_pose.under(np.inf)[1])
    print("degrees  log-likelihood  residual px  limbs %  acceleration m/s²  from OpenPose mm  camera left out px")
    for degrees in DEGREES:
        score, poses = blaze.under(degrees)
        offset = blaze.joints(poses) - other
        distance = np.nanmean(np.linalg.norm(offset - np.nanmedian(offset, axis=0), axis=-1))
        out = []
        for v in range(len(poses.rig)):
            part = blaze.under(degrees, v)[1]
            error = np.linalg.norm(poses.keypoints.xy[:, v] - poses.rig[v].project(part.xyz), axis=-1)
            out.append(np.nanmedian(error))
        residual = np.nanmedian(np.linalg.norm(residuals(poses), axis=-1))
        limbs, acceleration = steadiness(poses)
        print(
            f"{degrees:7g} {score:15.0f} {residual:12.2f} {limbs:8.2f} {acceleration:18.1f} {distance:17.2f}"
            f" {np.mean(out):19.2f}",
            flush=True,
        )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["synthetic", "asked", "balance"])
    parser.add_argument("--calibration", type=Path, help="of balance, repaired")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the real captures")
    arguments = parser.parse_args()
    if arguments.what == "synthetic":
        synthetic()
        fixed()
    elif arguments.what == "asked":
        asked()
    else:
        folder = arguments.shared / "captures/balance"
        balance(arguments.shared, arguments.calibration or folder / "Calib.qca.txt")


if __name__ == "__main__":
    main()
