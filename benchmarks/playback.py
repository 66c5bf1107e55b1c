"""What playing and rendering cost: updates in place against meshes built anew, and against a bare Open3D picture.

Every ratio compares times of one run, in alternating blocks, so that other work on the machine weighs on both alike.
On software Vulkan the picture itself takes nearly all of the time; on a graphics card the update does. Where the
processor draws, and has other work, --clock cpu counts its time on this process alone, over all threads.

    python benchmarks/playback.py [--size 640x360] [--frames 30] [--result balance.poses.h5] [--clock cpu]
    python benchmarks/playback.py --only render --frames 100 --result balance.poses.h5
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.viz.artist import Artist, RenderOptions
from lift3d.viz.mesh import Mesh
from lift3d.viz.offscreen import Open3DRenderer
from lift3d.viz.open3d_check import open3d_problem
from lift3d.viz.scene import Scene, build_scene

PEOPLE = (1, 4, 10)
BLOCKS = 3  # of frames drawn the one way, then the other
VIEW = "three-quarter"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = "wall"


def crowd(people: int, frames: int) -> Poses:
    """So many people who walk beside each other."""
    one = demo_people(max(frames / 30.0, 1.0), 30.0)[:frames, :1]
    xyz = np.concatenate([one + [0.0, 1.1 * person, 0.0] for person in range(people)], axis=1)
    return Poses.from_xyz(xyz, SKELETONS["body_25b"], 30.0, ring_rig(4))


def naive(renderer: Open3DRenderer, scene: Scene, frame: int) -> None:
    """Take the meshes away, and build and add them again."""
    people = scene.people(frame)
    renderer.set_mesh("people", people)
    renderer.set_mesh("shadows", scene.shadows(people))


def in_place(renderer: Open3DRenderer, scene: Scene, frame: int) -> None:
    """What the window and ``lift3d render`` do."""
    people = scene.people(frame)
    renderer.move_mesh("people", people)
    renderer.move_mesh("shadows", scene.shadows(people))


def timed(work: Callable[[], object]) -> float:
    """Seconds by the chosen clock."""
    start = CLOCKS[clock]()
    work()
    return CLOCKS[clock]() - start


def playback(people: int, size: tuple[int, int], frames: int) -> tuple[float, ...]:
    """Seconds a frame, medians: update naive, in place; picture after either; an empty scene's picture."""
    scene = build_scene(crowd(people, BLOCKS * frames))
    view = scene.viewpoint(VIEW, size=size)
    renderer = Open3DRenderer(size, scene.extent)  # Open3D can end the interpreter where two live at once
    renderer.set_mesh("floor", scene.floor.mesh())
    rows: dict[str, list[tuple[float, float]]] = {"naive": [], "in_place": [], "empty": []}
    for block in range(BLOCKS):
        for way, update in (("naive", naive), ("in_place", in_place), ("empty", None)):
            for name in ("people", "shadows"):
                renderer.set_mesh(name, Mesh.empty())
            for frame in range(block * frames, (block + 1) * frames):
                spent = timed(lambda u=update, f=frame: u(renderer, scene, f)) if update else 0.0
                row = spent, timed(lambda: renderer.draw(view))
                if frame > block * frames:  # the first adds the meshes either way
                    rows[way].append(row)
    (a, b), (c, d), (_, e) = (np.median(rows[way], axis=0) for way in ("naive", "in_place", "empty"))
    return a, c, b, d, e


def render(poses: Poses, size: tuple[int, int], frames: int) -> NDArray[np.float64]:
    """Seconds [frames, 2]: ``lift3d render`` with all its words, and a bare picture of the same geometry."""
    scene = build_scene(poses)
    artist = Artist(scene, VIEW, size, RenderOptions(title="benchmark", renderer="open3d"))
    view, renderer = scene.viewpoint(VIEW, size=size), artist.renderer
    artist.draw(0)
    rows = []
    for frame in range(min(frames, len(poses.xyz))):
        rows.append([timed(lambda f=frame: artist.draw(f)), timed(lambda: renderer.draw(view))])
    return np.array(rows)


def tell_playback(size: tuple[int, int], frames: int) -> None:
    """Print the table."""
    print(f"playback at {size[0]}x{size[1]}, {frames} frames, milliseconds a frame (medians, {clock})")
    print("people  update: naive  in place  ratio | picture: naive  in place  empty | fps naive  in place")
    for people in PEOPLE:
        a, b, c, d, e = (1000 * value for value in playback(people, size, frames))
        rates = f"{1000 / (a + c):9.1f}  {1000 / (b + d):8.1f}"
        row = f"{people:6d}  {a:13.2f}  {b:8.2f}  {a / b:5.1f} | {c:14.1f}  {d:8.1f}  {e:5.1f} | {rates}"
        print(row, flush=True)


def main() -> int:
    global clock
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360", help="of the playback's pictures")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--only", choices=("playback", "render"), help="one of the two; default: both")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default=clock)
    parser.add_argument("--result", type=Path, help="a *.poses.h5 for the rendering at 1280x720; default: one walker")
    arguments = parser.parse_args()
    clock = arguments.clock
    if problem := open3d_problem():
        print(problem, file=sys.stderr)
        return 1
    if arguments.only != "render":
        width, height = (int(side) for side in arguments.size.split("x"))
        tell_playback((width, height), arguments.frames)
    if arguments.only != "playback":
        poses = Poses.load(arguments.result) if arguments.result else crowd(1, arguments.frames)
        rows = render(poses, (1280, 720), arguments.frames)
        ours, theirs = np.median(rows, axis=0)
        print(f"render of {len(rows)} frames at 1280x720: {1000 * ours:.1f} ms a frame ({clock})", end="")
        print(f", bare Open3D {1000 * theirs:.1f} ms, ratio {np.median(rows[:, 0] / rows[:, 1]):.2f}", end="")
        print(f", of the sums {rows[:, 0].sum() / rows[:, 1].sum():.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
