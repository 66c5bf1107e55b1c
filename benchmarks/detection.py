"""Throughput of `lift3d detect` on one person, as a ratio to MediaPipe's BlazePose full, both on the same two cores.

    python -m venv .venv-mediapipe && .venv-mediapipe/bin/pip install mediapipe==0.10.21
    .venv/bin/python benchmarks/detection.py VIDEO --peer-python .venv-mediapipe/bin/python

VIDEO is cam03 of the capture `balance` (1088x1920, 100 frames) for the figures in the docs. The peer
(model_complexity=1, following the person from frame to frame as it does by default) lives in its own environment and
waits while ours works. Runs take turns, and the ratio is the median over the turns. Opening models is not counted. Ours
is the whole command: reading ahead, boxes, keypoints, the file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lift3d.calib import InputError
from lift3d.datasets.frames import open_frames
from lift3d.detect import detect_videos
from lift3d.detectors import keypoint_network
from lift3d.detectors.pipeline import TopDown
from lift3d.detectors.registry import DetectorOptions, open_detector

IN_MEMORY = 40
"""Frames that both hold decoded for the ratio without decoding: 250 MB each at 1088x1920."""

PEER = """
import json, os, sys, time
os.environ["GLOG_minloglevel"] = "2"
import cv2
import mediapipe
path, few = sys.argv[1], int(sys.argv[2])
def frames():
    video = cv2.VideoCapture(path)
    while True:
        ok, picture = video.read()
        if not ok:
            return
        yield picture
held = [picture for _, picture in zip(range(few), frames())]
pose = mediapipe.solutions.pose.Pose(model_complexity=1)
def run(pictures):
    pose.reset()
    start, count, found = time.perf_counter(), 0, 0
    for picture in pictures:
        answer = pose.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        count, found = count + 1, found + (answer.pose_landmarks is not None)
    return {"fps": count / (time.perf_counter() - start), "frames": count, "found": found}
run(held[:5])
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(run(frames() if line.strip() == "video" else held)), flush=True)
"""


class Peer:
    """MediaPipe in its own interpreter, answering one run at a time."""

    def __init__(self, python: str, video: Path) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", PEER, str(video), str(IN_MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if not self._line().startswith("ready"):
            sys.exit(f"{python} cannot run MediaPipe; there: pip install mediapipe==0.10.21")

    def run(self, what: str) -> dict[str, float]:
        """Frames a second and frames with somebody, on the "video" or on what it "held"."""
        assert self.process.stdin
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


class Ours:
    """lift3d with a detector that stays open."""

    def __init__(self, video: Path, name: str, options: DetectorOptions) -> None:
        self.video, self.detector = video, open_detector(name, options)
        frames = open_frames(video).read(0)
        self.held = [picture for _, picture in zip(range(IN_MEMORY), frames, strict=False)]
        self.run("held")

    def run(self, what: str) -> dict[str, float]:
        """Frames a second and frames with somebody, on the "video" or on what is "held"."""
        start = time.perf_counter()
        if what == "held":
            people = [len(found.xy) > 0 for found in self.detector.detect(self.held)]
            frames, found = len(people), sum(people)
        else:
            with tempfile.TemporaryDirectory() as folder:
                result = detect_videos({"cam": self.video}, Path(folder) / "keypoints.h5", self.detector)
            frames, found = result.cameras[0].frames, result.cameras[0].with_people
        return {"fps": frames / (time.perf_counter() - start), "frames": frames, "found": found}

    def stages(self) -> tuple[dict[str, float], int]:
        """Seconds of each stage of the whole command, in their order, and the frames of the run."""
        detector = self.detector
        if not isinstance(detector, TopDown):
            sys.exit(f"{detector.name} is not boxes first, joints after; its stages are not known")
        spent: defaultdict[str, float] = defaultdict(float)
        start = time.perf_counter()
        frames = sum(1 for _ in open_frames(self.video).read(0))
        alone = time.perf_counter() - start
        detector.seconds.clear()
        with clocked(detector, spent):
            start = time.perf_counter()
            self.run("video")
            whole = time.perf_counter() - start
        known = detector.seconds
        told = {
            "decoding the video, by itself (a thread reads ahead)": alone,
            "waiting for pictures": known["pictures"],
            "person detector": known["people"],
            "crops": spent["crops"],
            "network": spent["network"],
            "reading the heatmaps": spent["maps"],
            "rest of the joints' stage": known["joints"] - sum(spent.values()),
            "following, keeping and writing": whole - sum(known.values()),
        }
        return told, frames


@contextmanager
def clocked(detector: TopDown, spent: defaultdict[str, float]) -> Iterator[None]:
    """Count the time of crops, network and decoding while this lasts."""

    def timed(work: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def run(*arguments: Any, **settings: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*arguments, **settings)
            finally:
                spent[stage] += time.perf_counter() - start

        return run

    network = detector.keypoints.network  # type: ignore[attr-defined]
    before = keypoint_network.cut, keypoint_network.decode
    keypoint_network.cut, keypoint_network.decode = timed(before[0], "crops"), timed(before[1], "maps")
    network.forward = timed(network.forward, "network")
    try:
        yield
    finally:
        keypoint_network.cut, keypoint_network.decode = before
        del network.forward


def compare(ours: Ours, peer: Peer, what: str, turns: int) -> None:
    """Print the ratio of one kind of run."""
    pairs = []
    for turn in range(turns):
        order = [ours, peer] if turn % 2 else [peer, ours]
        answers = {id(side): side.run(what) for side in order}
        pairs.append((answers[id(ours)], answers[id(peer)]))
    ratios = sorted(own["fps"] / other["fps"] for own, other in pairs)
    text = {"video": "from the video file", "held": "from decoded frames"}[what]
    own, other = (statistics.median(pair[side]["fps"] for pair in pairs) for side in (0, 1))
    print(f"{text}: lift3d / MediaPipe {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"  lift3d {own:.1f} frames/s, MediaPipe {other:.1f}, on this machine in this run")
    for name, side in (("lift3d", pairs[-1][0]), ("MediaPipe", pairs[-1][1])):
        print(f"  {name} found somebody in {side['found']:.0f} of {side['frames']:.0f} frames")


def main() -> None:
    """Print the ratios and where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--peer-python", help="the interpreter of an environment with mediapipe==0.10.21")
    parser.add_argument("--detector", default="light")
    parser.add_argument("--weights", type=Path, help="any checkpoint of `lift3d train keypoints`")
    parser.add_argument("--person-weights", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()

    cores = sorted(os.sched_getaffinity(0))[: arguments.cores]
    os.sched_setaffinity(0, cores)  # the peer inherits it
    torch.set_num_threads(len(cores))
    options = DetectorOptions(weights=arguments.weights, person_weights=arguments.person_weights)
    try:
        ours = Ours(arguments.video, arguments.detector, options)
    except (InputError, FileNotFoundError) as error:
        sys.exit(str(error))
    if arguments.peer_python and not Path(arguments.peer_python).is_file():
        sys.exit(f"{arguments.peer_python} does not exist; make it: python -m venv DIR, pip install mediapipe==0.10.21")
    if arguments.peer_python:
        peer = Peer(arguments.peer_python, arguments.video)
        compare(ours, peer, "video", arguments.turns)
        compare(ours, peer, "held", arguments.turns)
        peer.close()
    else:
        print("MediaPipe was not measured: give --peer-python", file=sys.stderr)
    stages, frames = ours.stages()
    print(f"where lift3d's time goes, milliseconds a frame, {len(cores)} cores:")
    for stage, seconds in stages.items():
        print(f"  {1000 * seconds / frames:7.2f}  {stage}")


if __name__ == "__main__":
    main()
