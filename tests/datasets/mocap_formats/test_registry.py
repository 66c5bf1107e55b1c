"""What happens to every layout's clips: the floor, the frame rate, and what is refused."""

import numpy as np
import pytest

from lift3d.calib import InputError, Rig
from lift3d.datasets.mocap import Clip
from lift3d.datasets.mocap_formats import LAYOUTS, read_recordings
from lift3d.datasets.mocap_formats.recordings import fewer_frames, whole_runs
from lift3d.datasets.mocap_formats.registry import onto_floor
from lift3d.datasets.synthetic import ring_rig


@pytest.fixture
def walk(motion):
    return Clip("a_1", motion.astype("f4"), 50.0, "a", rig=Rig(tuple(ring_rig(2))))


def test_a_clip_below_the_floor_is_lifted_with_its_cameras(walk):
    low = onto_floor(Clip(**{**vars(walk), "xyz": walk.xyz - np.float32([0, 0, 1.5])}))
    assert low.xyz[:, [3, 6], 2].min() == pytest.approx(0.08, abs=1e-5)
    seen = walk.rig.project(walk.xyz - np.float32([0, 0, 1.5]))
    np.testing.assert_allclose(low.rig.project(low.xyz), seen, atol=1e-3)


def test_a_clip_on_the_floor_is_left_alone(walk):
    assert onto_floor(walk) is walk


@pytest.mark.parametrize(
    ("fps", "frames", "left"), [(None, 12, 50.0), (50.0, 12, 50.0), (25.0, 6, 25.0), (15.0, 4, 50 / 3)]
)
def test_frames_are_left_out_evenly(walk, fps, frames, left):
    fewer = fewer_frames(walk, fps)
    assert (len(fewer.xyz), fewer.fps) == (frames, pytest.approx(left))


def test_runs_end_where_a_joint_is_missing(motion):
    broken = motion.copy()
    broken[0, 3], broken[5, 1], broken[7, 0] = np.nan, np.nan, np.nan
    assert [(run.start, run.stop) for run in whole_runs(broken)] == [(1, 5), (8, 12)]  # one frame is no motion


def test_unknown_layouts_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none of the layouts that are read \(VideoPose3D's"):
        read_recordings(tmp_path)
    with pytest.raises(InputError, match="no layout 'x'; there are videopose3d"):
        read_recordings(tmp_path, layout="x")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_recordings(tmp_path / "absent")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_folder_ends_in_one_line_for_every_layout(tmp_path, layout):
    with pytest.raises((InputError, FileNotFoundError)):
        read_recordings(tmp_path, layout=layout)
