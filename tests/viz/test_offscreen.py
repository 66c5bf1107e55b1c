"""Meshes that move in place must look as if they had been built anew; in a process of its own, for Open3D's sake."""

import subprocess
import sys

import pytest

from lift3d.viz.open3d_check import open3d_problem

SCRIPT = """
import numpy as np
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz.mesh import Mesh
from lift3d.viz.offscreen import Open3DRenderer
from lift3d.viz.scene import build_scene

size = 240, 160
base = np.random.default_rng(0).normal(size=(1, 2, 17, 3)) * 0.3 + [0, 0, 1]
poses = Poses.from_xyz(base + np.linspace(0, 4, 30)[:, None, None, None], SKELETONS["h36m_17"], 30.0)
scene = build_scene(poses)
view = scene.viewpoint("three-quarter", size=size)
renderer = Open3DRenderer(size, scene.extent)
for frame in (0, 10, 29, 5):
    pictures = []
    for put in (renderer.set_mesh, renderer.move_mesh):
        renderer.set_mesh("people", Mesh.empty())
        if put == renderer.move_mesh:
            put("people", scene.people(15))
        put("people", scene.people(frame))
        junk = [np.random.rand(3000).astype(np.float32) for _ in range(200)]  # takes what memory was let go
        pictures.append(renderer.draw(view).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 1, frame
    assert pictures[0].std() > 3
renderer.set_mesh("people", Mesh.empty())
empty = renderer.draw(view).astype(int)
ramp = np.zeros((160, 240, 3), np.uint8)
ramp[:] = np.arange(240)[None, :, None]
renderer.set_backdrop(ramp)
assert np.abs(renderer.draw(view).astype(int) - ramp).max() <= 4
renderer.set_backdrop(None)
assert np.abs(renderer.draw(view).astype(int) - empty).max() == 0
renderer.move_mesh("people", scene.people(3))
renderer.move_mesh("people", Mesh.empty())
assert np.abs(renderer.draw(view).astype(int) - empty).max() == 0
print("alike")
"""
TWO = """
import numpy as np
from lift3d.calib import InputError
from lift3d.viz.offscreen import Open3DRenderer

box = -np.ones(3), np.ones(3)
for _ in range(2):
    one = Open3DRenderer((32, 32), box)
    one.itself = one  # held by nobody but itself once it is let go
    try:
        Open3DRenderer((32, 32), box)
    except InputError as error:
        print(str(error)[:49])
    del one
"""


@pytest.mark.parametrize(
    ("script", "output"),
    [(SCRIPT, "alike\n"), (TWO, 2 * "Open3D draws for one renderer a process at a time\n")],
    ids=["what moves in place looks as if built anew", "a second renderer is refused while the first lives"],
)
def test_open3d_draws_in_a_process_of_its_own(script, output):
    if open3d_problem() is not None:
        pytest.skip(open3d_problem())
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == (output, 0), done.stderr
