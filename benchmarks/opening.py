"""What opening a long result in the window costs: 10 minutes of 4 people at 60 frames a second, with all their 2D.

Processor time counts all threads of this process, and not what else the machine does; on a machine with nothing else
to do, the wall's time is what a user waits. Needs a display (`xvfb-run -s "-screen 0 1400x900x24"` makes one).

    python benchmarks/opening.py [--minutes 10] [--people 4] [--file FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig

FPS = 60.0
CAMERAS = 4


def long_result(minutes: float, people: int) -> Poses:
    """People who walk beside each other, with noise, gaps, covariances and keypoints: as hard to pack as real ones."""
    rng, skeleton, rig = np.random.default_rng(0), SKELETONS["body_25b"], ring_rig(CAMERAS)
    frames = round(60 * minutes * FPS)
    one = demo_people(min(60.0, 60 * minutes), FPS)[:, :1]
    xyz = np.concatenate([one + [0.0, 1.1 * person, 0.0] for person in range(people)], axis=1)
    xyz = np.tile(xyz, (-(-frames // len(xyz)), 1, 1, 1))[:frames]
    xyz += rng.normal(0, 0.004, xyz.shape)
    xyz[rng.random(xyz.shape[:-1]) < 0.03] = np.nan
    poses = Poses.from_xyz(xyz, skeleton, FPS, rig)
    missing = poses.status == 0
    covariance = 1e-5 * rng.normal(size=(*missing.shape, 6))
    covariance[..., [0, 3, 5]] = 1e-4 * (1 + 0.3 * rng.random((*missing.shape, 3)))
    covariance[missing] = np.nan
    xy = np.moveaxis(rig.project(xyz), 0, 1)
    xy += rng.normal(0, 2.0, xy.shape)
    seen = np.isfinite(xy).all(-1)
    return poses.replace(
        covariance=covariance,
        reprojection_error=np.where(missing, np.nan, rng.gamma(2.0, 2.0, missing.shape)),
        confidence=np.where(missing, 0.0, rng.random(missing.shape)),
        keypoints=Keypoints(xy, np.where(seen, rng.random(seen.shape), 0.0), rig.names, skeleton, FPS),
        used=seen,
        verdict={"level": "good", "reasons": []},
    )


def opened(file: Path) -> int:
    """Run `lift3d view` in this process until it has drawn a picture, print when what was done, and end."""
    start, spent = time.perf_counter(), time.process_time()

    def told(what: str) -> None:
        print(f"{what:28} wall {time.perf_counter() - start:6.2f} s   processor {time.process_time() - spent:6.2f} s")

    from lift3d.cli import main
    from lift3d.viz import window as module

    load, tick, pictures = Poses.load, module.PoseWindow._tick, []

    def loaded(path: Any) -> Poses:
        poses = load(path)
        told("the file is read")
        return poses

    def ticked(window: module.PoseWindow) -> bool:
        drawn = tick(window)
        if not pictures:
            pictures.append(0)
            window.stage.widget.scene.scene.render_to_image(lambda _: pictures.append(1))
        elif pictures[-1]:
            told("the first picture is drawn")
            sys.stdout.flush()
            os._exit(0)  # Open3D has no way to be closed from its own tick
        return drawn

    Poses.load = loaded  # type: ignore[method-assign,assignment]
    module.PoseWindow._tick = ticked  # type: ignore[method-assign]
    main(["view", str(file), "--paused"])
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--file", type=Path, help="made where it does not exist; default: one in the temporary folder")
    arguments = parser.parse_args()
    file = arguments.file or Path(tempfile.gettempdir()) / "lift3d-long.poses.h5"
    if not file.exists():
        long_result(arguments.minutes, arguments.people).save(file)
        print(f"{file}: {file.stat().st_size / 1e6:.0f} MB")
        os.execv(sys.executable, [sys.executable, __file__, "--file", str(file)])  # opened by a process that is new
    return opened(file)


if __name__ == "__main__":
    sys.exit(main())
