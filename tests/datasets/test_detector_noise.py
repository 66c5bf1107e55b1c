import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.detector_noise import DetectorNoise, joint_sigma, simulate_detections
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig

RIG = ring_rig(4)
PEOPLE = demo_people(10.0, 30.0)
JOINTS = SKELETONS["body_25b"]


def true_xy(people=PEOPLE, rig=RIG):
    return np.moveaxis(rig.project(people), 0, 1)


def simulate(noise=None, people=PEOPLE, seed=0, **options):
    return simulate_detections(people, RIG, np.random.default_rng(seed), fps=30.0, noise=noise, **options)


@pytest.fixture(scope="module")
def default():
    return simulate().associated()


def test_same_seed_same_detections_other_seed_others():
    first, again, other = simulate(seed=3), simulate(seed=3), simulate(seed=4)
    np.testing.assert_array_equal(first.keypoints.xy, again.keypoints.xy)
    assert not np.array_equal(first.keypoints.confidence, other.keypoints.confidence)


def test_inlier_errors_have_exactly_the_stated_sigma(default):
    seen = (default.keypoints.confidence > 0) & ~default.outlier & ~default.swapped
    unit = ((default.keypoints.xy - true_xy()) / default.sigma[..., None])[seen]
    assert len(unit) > 30_000
    # 3 standard errors of a mean and a deviation of 30,000 numbers
    np.testing.assert_allclose(unit.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(unit.std(0), 1, atol=0.015)
    assert (np.abs(unit) < 1.645).mean() == pytest.approx(0.90, abs=0.01)  # Gaussian in its tails as well


def test_half_the_confidence_means_twice_the_sigma(default):
    per_joint = default.sigma[:, 0, 0] * default.keypoints.confidence[:, 0, 0] / joint_sigma(JOINTS)
    spread = np.nanmax(per_joint, axis=1) - np.nanmin(per_joint, axis=1)
    assert np.nanmax(spread) < 1e-9


def test_sigma_grows_with_the_person_in_the_picture():
    near, far = np.copy(PEOPLE[:1, :1]), np.copy(PEOPLE[:1, :1])
    forward = RIG[0].R[2]
    noise = DetectorNoise.gaussian()
    at = [simulate(noise, people + forward * step) for people, step in ((near, -1.0), (far, 3.0))]
    depth = [(people[0, 0].mean(0) + forward * step) @ forward + RIG[0].t[2] for people, step in ((near, -1), (far, 3))]
    scale = [np.nanmedian(d.sigma[0, 0] * d.keypoints.confidence[0, 0] / joint_sigma(JOINTS)) for d in at]
    assert scale[0] / scale[1] == pytest.approx(depth[1] / depth[0], rel=1e-6)


def test_shares_of_misses_outliers_and_swaps_are_as_asked(default):
    xy, size = true_xy()[:, :, 0], np.array(RIG[0].size)
    inside = ((xy > 20) & (xy < size - 20)).all(-1)
    seen = default.keypoints.confidence[:, :, 0] > 0
    neck = JOINTS.index("neck")  # never hidden here
    assert 1 - seen[..., neck][inside[..., neck]].mean() == pytest.approx(0.05, abs=0.02)
    assert default.outlier[default.keypoints.confidence > 0].mean() == pytest.approx(0.02, abs=0.004)
    many = simulate(DetectorNoise(swaps=1.0)).associated()
    knee = JOINTS.index("left_knee")
    share = many.swapped[:, :, 0, knee].mean()
    assert 0.1 < share < 0.3  # bursts of 0.225 s on average, once a second, partly overlapping or missed


def test_outliers_jump_tens_to_hundreds_of_pixels(default):
    jump = np.linalg.norm(default.keypoints.xy - true_xy(), axis=-1)[default.outlier & ~default.swapped]
    assert len(jump) > 500
    assert jump.min() >= 30 - 1e-9
    assert jump.max() <= 400 + 1e-9
    assert np.median(jump) == pytest.approx(np.sqrt(30 * 400), rel=0.15)


def test_hidden_joints_are_less_sure_and_more_often_missed():
    noise = DetectorNoise.gaussian()
    d = simulate(noise).associated()
    from lift3d.datasets.occlusion import hidden_joints

    hidden = hidden_joints(PEOPLE, RIG.centers, JOINTS)[:, :, 0]
    confidence = d.keypoints.confidence[:, :, 0]
    assert np.median(confidence[hidden]) < 0.6 < 0.75 < np.median(confidence[~hidden])
    seen = simulate().associated().keypoints.confidence[:, :, 0] > 0
    assert (~seen[hidden]).mean() == pytest.approx(0.25, abs=0.03)


def test_swapped_joints_lie_where_the_other_side_is():
    noise = DetectorNoise(misses=0, hidden_misses=0, outliers=0, swaps=0.5)
    d = simulate(noise).associated()
    mirror = np.arange(len(JOINTS))
    for left, right in JOINTS.symmetric:
        mirror[[left, right]] = right, left
    error = np.linalg.norm(d.keypoints.xy - true_xy()[..., mirror, :], axis=-1) / d.sigma
    assert d.swapped.any()
    assert np.nanmax(error[d.swapped]) < 6
    legs = np.array(["knee" in joint or "ankle" in joint for joint in JOINTS.joints])
    whole = d.swapped[..., JOINTS.index("left_wrist")] & d.swapped[..., JOINTS.index("left_knee")]
    legs_alone = d.swapped[..., legs].any(-1) & ~d.swapped[..., ~legs & (mirror < 11)].any(-1)
    assert whole.any()
    assert legs_alone.any()
    assert not d.swapped[..., JOINTS.index("nose")].any()
    runs = np.diff(np.flatnonzero(np.diff(d.swapped[:, :, 0].any(-1).ravel().astype(int))))
    assert np.median(runs) >= 2  # bursts, not single frames


def test_swaps_happen_in_one_view_at_a_time():
    noise = DetectorNoise(misses=0, hidden_misses=0, outliers=0, swaps=0.15)
    views = simulate(noise).associated().swapped[:, :, 0].any(-1).sum(1)
    assert (views <= 1).mean() > 0.9


def test_candidates_come_unordered_with_the_seen_ones_first():
    d = simulate()
    both = (d.person >= 0).all(-1)
    assert both.sum() > 100
    assert d.person[both][:, 0].mean() == pytest.approx(0.5, abs=0.1)
    present = (d.keypoints.confidence > 0).any(-1)
    np.testing.assert_array_equal(present, d.person >= 0)
    assert not (present[..., 1] & ~present[..., 0]).any()


def test_associated_puts_everybody_in_place():
    d = simulate(DetectorNoise.gaussian(0.0))
    ordered = d.associated()
    xy = ordered.keypoints.xy
    seen = np.isfinite(xy).all(-1)
    np.testing.assert_allclose(xy[seen], true_xy()[seen], atol=1e-9)
    assert seen.sum() == np.isfinite(d.keypoints.xy).all(-1).sum()
    for p in (0, 1):
        assert set(np.unique(ordered.person[..., p])) <= {-1, p}
    assert not ordered.outlier.any()


def test_unswapped_puts_exchanged_sides_back():
    noise = DetectorNoise(outliers=0, swaps=2.0)
    d = simulate(noise).associated()
    back = d.unswapped()
    assert d.swapped.mean() > 0.1
    assert not back.swapped.any()
    assert (d.keypoints.confidence > 0).sum() == (back.keypoints.confidence > 0).sum()
    error = np.linalg.norm(back.keypoints.xy - true_xy(), axis=-1) / back.sigma
    assert np.nanmax(error) < 6


def test_nothing_is_reported_outside_the_picture_or_behind_a_camera():
    d = simulate()
    xy = d.keypoints.xy[np.isfinite(d.keypoints.xy).all(-1)]
    assert xy.min() >= -0.5
    assert (xy <= np.array(RIG[0].size) - 0.5).all()
    behind = simulate(people=PEOPLE[:5] + RIG[0].center * 3)
    assert not (behind.keypoints.confidence[:, 0] > 0).any()


def test_absent_people_are_nobody():
    people = PEOPLE[:20].copy()
    people[10:, 0] = np.nan
    d = simulate(people=people).associated()
    assert (d.person[10:, :, 0] == -1).all()
    assert (d.person[:10, :, 0] == 0).all()


def test_errors_persist_only_when_asked():
    noise = DetectorNoise(misses=0, hidden_misses=0, outliers=0, swaps=0)
    still = np.broadcast_to(PEOPLE[:1, :1], (2000, 1, 25, 3))
    lag_one = []
    for correlation_s in (0.0, 0.2):
        d = simulate(DetectorNoise(**{**noise.__dict__, "correlation_s": correlation_s}), still).associated()
        z = (d.keypoints.xy - true_xy(still)) / d.sigma[..., None]
        z = z[:, 0, 0, JOINTS.index("neck")]
        assert np.std(z) == pytest.approx(1, abs=0.15)
        lag_one.append((z[1:] * z[:-1]).mean() / (z**2).mean())
    assert abs(lag_one[0]) < 0.06
    assert lag_one[1] == pytest.approx(np.exp(-1 / 6), abs=0.06)


def test_other_joint_sets_work():
    joints = SKELETONS["coco_17"]
    d = simulate(people=PEOPLE[..., :17, :], skeleton=joints)
    assert d.keypoints.skeleton is joints
    assert np.isfinite(d.sigma[d.keypoints.confidence > 0]).all()
    assert np.isnan(d.sigma[d.keypoints.confidence == 0]).all()


def test_no_frames_give_no_detections():
    assert simulate(people=PEOPLE[:0]).keypoints.shape == (0, 4, 2, 25)


def test_wrong_shapes_and_shares_are_named():
    with pytest.raises(InputError, match=r"xyz must be \[T, P, 25, 3\] for body_25b, got \[300, 25, 3\]"):
        simulate(people=PEOPLE[:, 0])
    with pytest.raises(InputError, match=r"misses must be a share from 0 to 1, got 5"):
        DetectorNoise(misses=5)
    with pytest.raises(InputError, match="scale must not be negative"):
        DetectorNoise(scale=-1)
    with pytest.raises(InputError, match=r"must be \(least, most\)"):
        DetectorNoise(outlier_px=(300, 30))
