"""What a capture holds and whether its parts fit, without reconstructing it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets.capture import Capture, open_capture
from lift3d.datasets.recording import lacks_keypoints, open_recording
from lift3d.datasets.video import probe

from .detect_capture import origin_notes
from .fragments import join_fragments
from .pairing import agreed_person, check_pairing, check_scale
from .reconstruct import ReconstructConfig, confident, describe
from .triangulation import triangulate

Progress = Callable[[str, int, int], None]
MAX_FRAMES = 300
"""Frames looked at, evenly spread: the cameras do not move, and a check should take seconds."""


def check_capture(
    folder: str | os.PathLike[str],
    *,
    calibration: str | os.PathLike[str] | None = None,
    keypoints: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Say what was found in a capture, how it was paired, and what is wrong.

    Args:
        folder: the capture.
        calibration: the calibration to take; None: the one found in the folder.
        keypoints: the keypoints to take; None: those found in the folder.
        fps: frames a second.
        progress: called with (stage, done, total).

    Returns:
        {"input", "frames", "fps", "cameras", "problems"}; without problems, `lift3d reconstruct` will run. Where there
        are videos and no keypoints yet, only what the videos tell: "keypoints" of the input is None.

    Raises:
        InputError, FileNotFoundError: the capture cannot be opened at all.
    """
    if keypoints is None and lacks_keypoints(folder):
        return _check_videos(folder, calibration, fps)
    capture = open_capture(folder, calibration=calibration, keypoints=keypoints, fps=fps, progress=progress)
    problems = [] if capture.fps else ["the frame rate is not known; give --fps, or put fps in capture.toml"]
    found, agreement = _geometry(capture, progress)
    rows = []
    for v, camera in enumerate(capture.rig):
        seen = (capture.keypoints.confidence[:, v] > 0).any(-1)
        rows.append(
            {
                "name": camera.name,
                "keypoints": capture.pairing[camera.name].name,
                "by": capture.pairing[camera.name].how,
                "size": list(camera.size),
                "lens": camera.model,
                "frames_with_people": int(seen.any(-1).sum()),
                "most_people": int(seen.sum(-1).max(initial=0)),
                "agrees_percent": agreement.get(camera.name),
                "video": str(capture.videos[camera.name]) if camera.name in capture.videos else None,
            }
        )
    return {
        "input": describe(replace(capture, notes=(*capture.notes, *origin_notes(capture)))),
        "frames": len(capture.keypoints.xy),
        "fps": capture.fps,
        "cameras": rows,
        "problems": problems + found,
    }


def _check_videos(
    folder: str | os.PathLike[str], calibration: str | os.PathLike[str] | None, fps: float | None
) -> dict[str, Any]:
    """What can be said before there are keypoints."""
    recording = open_recording(folder, calibration=calibration)
    infos = {name: probe(path) for name, path in recording.videos.items()}
    rows = [
        {
            "name": camera,
            "size": list(recording.rig[camera].size) if recording.rig else None,
            "lens": recording.rig[camera].model if recording.rig else None,
            "video": str(recording.videos[name]),
            "video_size": list(infos[name].size),
            "frames": infos[name].frames,
            "fps": infos[name].fps,
        }
        for name, camera in (recording.cameras or {name: name for name in infos}).items()
    ]
    problems = [] if recording.rig else ["no calibration is there; see `lift3d calibrate`"]
    if recording.rig and len(recording.rig) < 2:
        problems.append("a reconstruction needs two cameras")
    return {
        "input": {
            "capture": str(folder),
            "calibration": str(recording.calibration_path) if recording.calibration_path else None,
            "keypoints": None,
            "joint_set": None,
            "notes": list(recording.notes),
        },
        "frames": max(info.frames for info in infos.values()),
        "fps": fps or next(iter(infos.values())).fps,
        "cameras": rows,
        "problems": problems,
    }


def _geometry(capture: Capture, progress: Progress | None) -> tuple[list[str], dict[str, float]]:
    """Problems that only the geometry shows, and the share of frames in which each camera agrees (per cent)."""
    if len(capture.rig) < 2:
        return ["a reconstruction needs two cameras"], {}
    frames = np.linspace(0, len(capture.keypoints.xy) - 1, min(MAX_FRAMES, len(capture.keypoints.xy))).astype(int)
    points = confident(capture.keypoints.select_frames(frames), ReconstructConfig().min_confidence)
    association = agreed_person(points, capture.rig, progress=progress)
    report = check_pairing(points, capture.rig, association, progress=progress)
    agreement = {name: round(100 * share, 1) for name, share in report.agreement.items()}
    if report.message:
        return [report.message], agreement
    if not association.support.any():
        return ["no two cameras agree on a person in any frame"], agreement
    person = join_fragments(points, association, capture.rig)
    try:
        check_scale(triangulate(person.xy, capture.rig, person.confidence).xyz, points.skeleton.limb_bones)
    except InputError as error:
        return [str(error)], agreement
    return [], agreement
