"""Centre of mass, segments, symmetry, the head by one picture, and error bars."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.calib import InputError, Rig
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.body import Body, rotation_about
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.skeleton import SIDES, SKELETONS, Skeleton
from lift3d.datasets.synthetic import ring_rig
from lift3d.kinematics import ANGLES, analyze, center_of_mass, joint_angles, segment_lengths
from lift3d.kinematics.analysis import summary
from lift3d.kinematics.head import head_from_picture
from lift3d.kinematics.mass import joint_weights, mass_shares
from lift3d.kinematics.symmetry import symmetry_index
from lift3d.kinematics.uncertainty import propagate, square_root
from lift3d.reconstruct import ReconstructConfig, reconstruct
from lift3d.refinement import refine

BODY_25B = SKELETONS["body_25b"]


def standing():
    """[1, 25, 3] of a body of 1.75 m that stands on the floor."""
    return Body().place({}, np.array([[0.0, 0.0, 0.53 * 1.75]]))


def entries(matrix):
    """[..., 3, 3] to the six numbers of the file."""
    return matrix[..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]


@pytest.mark.parametrize("sex", ["female", "male", "mean"])
@pytest.mark.parametrize("name", SKELETONS)
def test_the_masses_of_every_joint_set_make_a_whole_body(name, sex):
    assert sum(mass for mass, _ in mass_shares(SKELETONS[name], sex).values()) == pytest.approx(1, abs=2e-4)
    assert joint_weights(SKELETONS[name], sex).sum() == pytest.approx(1)


def test_the_centre_of_a_standing_body_lies_where_reaction_boards_find_it():
    # 55 to 58 % of the stature: Winter, Biomechanics and Motor Control of Human Movement, and de Leva (1996).
    for sex in ("male", "female", "mean"):
        center, _ = center_of_mass(standing(), BODY_25B, sex=sex)
        assert center[0, 2] / 1.75 == pytest.approx(0.565, abs=0.015)
        assert center[0, 1] == pytest.approx(0, abs=1e-12)


def test_the_centre_moves_with_the_body(rng):
    xyz = standing()
    R = Rotation.random(random_state=1).as_matrix()
    before, after = center_of_mass(xyz, BODY_25B)[0], center_of_mass(xyz @ R.T + [1, 2, 3], BODY_25B)[0]
    np.testing.assert_allclose(after, before @ R.T + [1, 2, 3], atol=1e-12)


def test_the_covariance_of_the_centre_is_that_of_many_draws(rng):
    xyz = standing()[0]
    root = 0.02 * rng.normal(size=(25, 3, 3))
    covariance = entries(root @ np.swapaxes(root, -1, -2))
    found = center_of_mass(xyz, BODY_25B, covariance=covariance)[1]
    draws = xyz + np.einsum("jik,njk->nji", root, rng.standard_normal((20000, 25, 3)))
    drawn = np.cov(center_of_mass(draws, BODY_25B)[0].T)
    np.testing.assert_allclose(found, entries(drawn), atol=0.04 * np.trace(drawn))


def test_missing_toes_are_made_up_for_but_a_missing_arm_is_not():
    xyz = np.repeat(standing(), 2, axis=0)
    whole = center_of_mass(xyz, BODY_25B)[0][0]
    xyz[0, BODY_25B.index("left_big_toe")] = np.nan
    xyz[1, BODY_25B.index("left_elbow")] = np.nan
    center, _ = center_of_mass(xyz, BODY_25B)
    np.testing.assert_allclose(center[0], whole, atol=0.02)
    assert np.isnan(center[1]).all()


def test_an_unknown_sex_is_refused():
    with pytest.raises(InputError, match="not for 'both'"):
        center_of_mass(standing(), BODY_25B, sex="both")


def test_segment_lengths_are_the_body_s_own():
    lengths = segment_lengths(standing(), BODY_25B)
    assert lengths["left_thigh"][0] == pytest.approx(0.245 * 1.75)
    assert lengths["right_shank"][0] == pytest.approx(0.246 * 1.75)
    assert lengths["hip_width"][0] == pytest.approx(0.104 * 1.75)
    assert "left_foot" not in segment_lengths(standing()[:, :17], SKELETONS["coco_17"])


@pytest.mark.parametrize(("left", "right", "index"), [(1, 1, 0), (1.1, 0.9, 20), (0.9, 1.1, -20), (2, 0, 200)])
def test_the_symmetry_index_is_the_difference_in_per_cent_of_the_mean(left, right, index):
    assert symmetry_index(left, right) == pytest.approx(index)


def test_the_symmetry_of_nothing_is_not_known():
    assert np.isnan(symmetry_index(0, 0))


@pytest.mark.parametrize("turn", [(0, 0, 0), (40, 10, -5), (-30, -20, 15), (150, 5, 5)])
def test_one_picture_of_a_mean_face_tells_how_the_head_is_turned(turn):
    camera = ring_rig(4)[0]
    z, y, x = np.radians(turn)
    head = rotation_about("z", z) @ rotation_about("y", y) @ rotation_about("x", x)
    xyz = Body().place({"head": head[None]}, np.array([[0.2, 0.1, 0.9]]))
    axes = head_from_picture(camera.project(xyz), BODY_25B, camera)
    found = np.stack([axes.x[0], -axes.z[0], axes.y[0]], axis=-1)
    off = np.degrees(Rotation.from_matrix(found.T @ head).magnitude())
    assert off < 0.1


def test_a_face_seen_in_three_points_has_no_orientation():
    camera = ring_rig(4)[0]
    xy = camera.project(standing())
    xy[:, [BODY_25B.index("nose"), BODY_25B.index("left_eye")]] = np.nan
    assert np.isnan(head_from_picture(xy, BODY_25B, camera).x).all()


def test_a_joint_set_without_a_face_is_refused():
    with pytest.raises(InputError, match="mpii_16 lacks them"):
        head_from_picture(np.zeros((1, 16, 2)), SKELETONS["mpii_16"], ring_rig(2)[0])


def test_error_bars_of_angles_are_those_of_many_draws(rng):
    side = {s + "thigh": rotation_about("y", np.array([-0.9])) for s in SIDES}
    side |= {s + "shank": rotation_about("y", np.array([1.2])) for s in SIDES}
    side |= {s + "upper_arm": rotation_about("y", np.array([-0.8])) for s in SIDES}
    side |= {s + "forearm": rotation_about("y", np.array([-1.1])) for s in SIDES}
    xyz = Body().place(side, np.zeros((1, 3)))
    root = 0.003 * rng.normal(size=(25, 3, 3))
    covariance = entries(root @ np.swapaxes(root, -1, -2))[None]
    found = propagate(lambda x: joint_angles(x, BODY_25B), xyz, covariance, circular=True)
    drawn = joint_angles(xyz + np.einsum("jik,njk->nji", root, rng.standard_normal((4000, 25, 3))), BODY_25B)
    for name in (name for name in ANGLES if np.isfinite(drawn[name]).all()):
        assert found.sigma[name][0] == pytest.approx(drawn[name].std(), rel=0.06), name


def test_error_bars_know_which_joints_an_angle_rests_on(rng):
    xyz = walk_turn_squat(0.1, 60)
    found = propagate(lambda x: joint_angles(x, BODY_25B, least_sine=0), xyz, np.zeros((len(xyz), 25, 6)))
    names = {BODY_25B.joints[j] for j in np.flatnonzero(found.joints["left_knee_flexion"])}
    assert names == {"left_hip", "left_knee", "left_ankle"}
    assert (found.sigma["left_knee_flexion"] == 0).all()


def test_an_unknown_covariance_takes_the_error_bars_of_its_angles_alone():
    xyz = walk_turn_squat(0.1, 60)
    covariance = np.tile([1e-4, 0, 0, 1e-4, 0, 1e-4], (len(xyz), 25, 1))
    covariance[2, BODY_25B.index("left_ankle")] = np.nan
    sigma = propagate(lambda x: joint_angles(x, BODY_25B), xyz, covariance, circular=True).sigma
    assert np.isnan(sigma["left_knee_flexion"][2])
    assert np.isfinite(sigma["left_knee_flexion"][[0, 1, 3]]).all()
    assert np.isfinite(sigma["right_knee_flexion"]).all()


def test_a_slightly_negative_covariance_from_float32_has_a_root():
    flat = np.array([1.0, 1.0, 0.0, 1.0 - 1e-8, 0.0, 0.0])
    root = square_root(flat)
    np.testing.assert_allclose(root @ root.T, [[1, 1, 0], [1, 1, 0], [0, 0, 0]], atol=1e-7)


def test_angles_that_rest_on_filled_joints_are_marked():
    xyz = walk_turn_squat(0.2, 60)[:, None]
    poses = Poses.from_xyz(xyz, BODY_25B, 60.0)
    status = poses.status.copy()
    status[3, 0, BODY_25B.index("left_ankle")] = 2
    filled = analyze(poses.replace(status=status)).filled
    assert np.flatnonzero(filled["left_knee_flexion"]).tolist() == [3]
    assert not filled["right_knee_flexion"].any()


def test_the_notes_say_what_is_missing():
    found = analyze(Poses.from_xyz(walk_turn_squat(0.5, 60)[:, None], BODY_25B, 60.0))
    text = " ".join(found.notes)
    assert "trunk_flexion" in text
    assert "no error bars for all angles" in text


def test_a_doubtful_reconstruction_is_called_so_again():
    poses = Poses.from_xyz(walk_turn_squat(0.2, 60)[:, None], BODY_25B, 60.0)
    verdict = {"level": "doubtful", "reasons": ["cameras disagree"]}
    assert analyze(poses.replace(verdict=verdict)).notes[0] == "the reconstruction is doubtful: cameras disagree"
    assert not any("reconstruction" in note for note in analyze(poses).notes)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_joint_set_can_be_analyzed(name, rng):
    skeleton = SKELETONS[name]
    poses = Poses.from_xyz(rng.normal(size=(6, 1, len(skeleton), 3)), skeleton, 30.0)
    assert len(summary(analyze(poses))["angles"]) == len(ANGLES)


def test_a_set_of_unknown_names_gives_nothing_but_nan():
    skeleton = Skeleton("markers", ("a", "b"))
    found = analyze(Poses.from_xyz(np.ones((8, 1, 2, 3)), skeleton, 30.0))
    assert all(np.isnan(value).all() for value in found.angles.values())
    assert found.segments == ()
    assert np.isnan(found.com).all()


def test_a_person_who_is_not_there_is_refused():
    poses = Poses.from_xyz(np.full((4, 1, 25, 3), np.nan), BODY_25B, 30.0)
    with pytest.raises(InputError, match="none of the 4 frames"):
        analyze(poses)
    with pytest.raises(InputError, match="no person 2; the poses hold 1"):
        analyze(poses, 1)


def test_refined_angles_are_within_a_degree_of_the_truth_at_three_pixels_and_their_error_bars_are_right(rng):
    capture = synthesize(DemoSettings(duration=2.0))
    truth = capture.truth
    xy = np.stack([camera.project(truth.xyz) for camera in capture.rig], axis=1)
    xy = xy + 3.0 * rng.standard_normal(xy.shape)
    keypoints = Keypoints(xy, np.full(xy.shape[:-1], 0.9), capture.rig.names, BODY_25B, truth.fps, np.arange(len(xy)))
    found = analyze(refine(reconstruct(keypoints, capture.rig, config=ReconstructConfig(people=1)).poses))
    true = joint_angles(truth.xyz[:, 0], BODY_25B)
    parts = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "shoulder_flexion", "elbow_flexion")
    names = [side + part for part in parts for side in SIDES] + ["trunk_lean", "trunk_side_lean"]
    error = np.degrees(np.abs([found.angles[name] - true[name] for name in names]))
    assert np.median(error) < 1.0
    assert np.median(error, axis=1).max() < 1.6, "2 s of one walk: single angles vary with the noise drawn"
    inside = error < 2 * np.degrees([found.sigma[name] for name in names])
    assert 0.85 < inside.mean() <= 1.0


def test_the_head_of_a_one_camera_result_comes_from_its_picture():
    camera = ring_rig(4)[0]
    xyz = walk_turn_squat(0.2, 60)[:, None]
    xy = camera.project(xyz)[:, None]
    keypoints = Keypoints(xy, np.ones(xy.shape[:-1]), (camera.name,), BODY_25B, 60.0, np.arange(len(xyz)))
    flat = xyz.copy()
    flat[..., BODY_25B.index("nose"), :] = flat[..., BODY_25B.index("left_eye"), :]  # 3D that a lifter got wrong
    poses = Poses.from_xyz(flat, BODY_25B, 60.0, Rig((camera,))).replace(keypoints=keypoints)
    found, truth = analyze(poses), joint_angles(xyz[:, 0], BODY_25B)
    np.testing.assert_allclose(found.angles["head_pitch"], truth["head_pitch"] - np.arctan2(0.011, 0.052), atol=2e-3)
    assert any("one camera's picture" in note for note in found.notes)
