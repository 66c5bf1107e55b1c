"""Fixtures that several folders of tests share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(os.environ.get("LIFT3D_SHARED", Path(__file__).parents[2] / "shared"))

# A standing person in body heights, y down: enough anatomy for the joint set to be found out.
STANDING = {
    "nose": (0.5, 0.08),
    "left_eye": (0.52, 0.06),
    "right_eye": (0.48, 0.06),
    "left_ear": (0.55, 0.07),
    "right_ear": (0.45, 0.07),
    "neck": (0.5, 0.17),
    "head": (0.5, 0.0),
    "left_shoulder": (0.62, 0.18),
    "right_shoulder": (0.38, 0.18),
    "left_elbow": (0.65, 0.36),
    "right_elbow": (0.35, 0.36),
    "left_wrist": (0.67, 0.52),
    "right_wrist": (0.33, 0.52),
    "pelvis": (0.5, 0.5),
    "left_hip": (0.57, 0.5),
    "right_hip": (0.43, 0.5),
    "left_knee": (0.58, 0.73),
    "right_knee": (0.42, 0.73),
    "left_ankle": (0.58, 0.95),
    "right_ankle": (0.42, 0.95),
    "left_big_toe": (0.62, 1.0),
    "right_big_toe": (0.38, 1.0),
    "left_small_toe": (0.65, 0.99),
    "right_small_toe": (0.35, 0.99),
    "left_heel": (0.57, 0.98),
    "right_heel": (0.43, 0.98),
}


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session")
def shared():
    """The folder of real captures; a test that asks for it is skipped where it is absent."""
    if not (SHARED / "captures").is_dir():
        pytest.skip(f"no real captures at {SHARED}; set LIFT3D_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def standing_person():
    """A function: joint names to pixels [J, 2] of a standing person, 400 px tall."""

    def person(joints, *, shift=(100.0, 50.0), height=400.0):
        return np.array([STANDING[joint] for joint in joints]) * height + shift

    return person


@pytest.fixture(scope="session")
def write_openpose():
    """A function that writes one camera's folder of OpenPose JSON."""

    def write(folder, people, *, name="{camera}.{frame:04d}.json", first=0):
        """people: a frame's list of people, each [J, 3] or None (not seen), frame after frame."""
        folder.mkdir(parents=True, exist_ok=True)
        camera = folder.name.removesuffix("_json")
        for frame, seen in enumerate(people, first):
            entries = [{} if p is None else {"pose_keypoints_2d": np.ravel(p).round(3).tolist()} for p in seen]
            path = folder / name.format(camera=camera, frame=frame)
            path.write_text(json.dumps({"version": 1.3, "people": entries}))
        return folder

    return write


@pytest.fixture
def small_capture(tmp_path, standing_person, write_openpose):
    """A capture folder: calib.toml of cam01, cam02, cam03 and keypoints/camNN_json, 6 frames of one BODY_25B person."""
    from lift3d.calib.formats import write_rig
    from lift3d.datasets.skeleton import SKELETONS
    from lift3d.datasets.synthetic import ring_rig

    folder = tmp_path / "capture"
    folder.mkdir()
    rig = ring_rig(3)
    write_rig(rig, folder / "calib.toml", "pose2sim")
    for v, camera in enumerate(rig.names):
        shifts = [(100.0 * (v + 1) + t, 50.0) for t in range(6)]
        xy = [standing_person(SKELETONS["body_25b"].joints, shift=shift) for shift in shifts]
        people = [[np.column_stack([frame, np.full(len(frame), 0.8)])] for frame in xy]
        write_openpose(folder / "keypoints" / f"{camera}_json", people)
    return folder


@pytest.fixture(scope="session")
def write_video():
    """A function that writes a short grey mp4."""
    import cv2

    def write(path, *, size=(1280, 720), frames=6, fps=25.0):
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
        for level in np.linspace(0, 255, frames):
            writer.write(np.full((size[1], size[0], 3), level, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture(scope="session")
def mocap_body():
    """[17, 3] metres: a standing person in Human3.6M's joints who looks along x; left is y, up is z."""
    right_leg = [(0, -0.1, 0.94), (0.01, -0.1, 0.5), (0, -0.1, 0.08)]
    trunk = [(0, 0, 1.18), (0, 0, 1.46), (0.08, 0, 1.53), (0.005, 0, 1.624)]
    right_arm = [(0, -0.18, 1.42), (0.0, -0.22, 1.13), (0.05, -0.22, 0.86)]
    left_leg, left_arm = ([(x, -y, z) for x, y, z in side] for side in (right_leg, right_arm))
    return np.array([(0, 0, 0.94), *right_leg, *left_leg, *trunk, *left_arm, *right_arm])
