"""Comparing results of any tools: common joints, units, and the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import InputError
from lift3d.cli import main
from lift3d.datasets.mocap import H36M
from lift3d.datasets.poses import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.pose_errors import LIMBS, compare_poses, read_sequence


@pytest.fixture
def sequence(rng, mocap_body):
    return mocap_body + np.cumsum(rng.normal(0, 0.002, (90, 17, 3)), 0)


def test_other_joint_sets_are_compared_by_name(sequence):
    panoptic = SKELETONS["panoptic_19"]
    other = np.zeros((90, 19, 3))
    for joint in LIMBS:
        other[:, panoptic.index(joint)] = sequence[:, H36M.index(joint)]
    errors = compare_poses((sequence, H36M), (other + 3.0, panoptic))
    assert errors.figures["MPJPE"].value == pytest.approx(0, abs=1e-12)
    assert len(errors.joints) == 13
    assert "12 joints and the pelvis" in errors.protocol


def test_a_known_error_is_found(sequence):
    moved = sequence.copy()
    moved[:, H36M.index("left_wrist"), 2] += 0.13
    errors = compare_poses((moved, H36M), (sequence, H36M))
    assert errors.figures["MPJPE"].value == pytest.approx(0.01)
    assert errors.joints[errors.by_joint.argmax()] == "left_wrist"


def test_millimetres_are_refused(sequence):
    with pytest.raises(InputError, match=r"predictions have thighs of 4\d\d m; they must be in metres"):
        compare_poses((1000 * sequence, H36M), (sequence, H36M))


def test_other_lengths_are_refused(sequence):
    with pytest.raises(InputError, match="predictions have 80 frames and the truth 90"):
        compare_poses((sequence[:80], H36M), (sequence, H36M))


def test_another_tools_npz_is_read(sequence, tmp_path):
    np.savez(tmp_path / "other.npz", xyz=sequence, joints=H36M.joints, fps=50.0)
    xyz, skeleton, fps = read_sequence(tmp_path / "other.npz")
    assert (skeleton.name, fps) == ("h36m_17", 50.0)
    np.testing.assert_array_equal(xyz, sequence)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"poses": np.zeros(3)}, "holds no xyz"),
        ({"xyz": np.zeros((3, 5, 3))}, r"xyz is \[3, 5, 3\], wanted \[T, J, 3\] with the names"),
        ({"xyz": np.zeros((3, 17, 3)), "joints": ["a", "b"]}, "2 names of joints"),
    ],
)
def test_npz_files_that_cannot_be_understood_are_refused(tmp_path, content, message):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(InputError, match=message):
        read_sequence(tmp_path / "bad.npz")


def test_the_command_prints_figures_and_protocol(sequence, tmp_path):
    np.savez(tmp_path / "p.npz", xyz=sequence + (0.0, 0.0, 2.0))
    Poses.from_xyz(sequence[:, None], H36M, 30.0).save(tmp_path / "t.poses.h5")
    typed = ["evaluate", "poses", str(tmp_path / "p.npz"), str(tmp_path / "t.poses.h5")]
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 0, result.output
    assert "PA-MPJPE" in result.output
    assert "90 frames" in result.output
    figures = json.loads(CliRunner().invoke(main, [*typed, "--json"]).output)
    assert figures["MPJPE"]["value"] < 1e-6
    result = CliRunner().invoke(main, [*typed, "--person", "2"])
    assert "holds 1 people, there is no number 2" in result.output
