"""Bundle adjustment against a dense reference, and its error bars against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from lift3d.calib import CalibrationError, Camera
from lift3d.calib.boards import Board
from lift3d.calib.bundle_adjustment import AdjustmentConfig, BoardObservations, BoardPoses, adjust_boards
from lift3d.calib.rotation import rotation_matrix, rotation_vector

BOARD = Board(4, 3, 0.05)
K = np.array([[800.0, 0, 640], [0, 790, 360], [0, 0, 1]])


def looking_at_origin(name, center):
    z = -np.asarray(center) / np.linalg.norm(center)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    return Camera(name, K, np.array([-0.1, 0.02, 0.001, -0.001, 0]), R, -R @ center, (1280, 720))


@pytest.fixture
def scene(rng):
    """Three cameras, eight poses, a fifth of the corners unseen, 0.3 px of noise, and a start that is off."""
    cameras = [looking_at_origin(f"c{i}", c) for i, c in enumerate([[1.5, 0, 1], [0.5, 1.5, 1], [-0.7, 1.4, 1.2]])]
    poses = BoardPoses(rotation_matrix(rng.uniform(-0.4, 0.4, (8, 3))), rng.uniform(-0.2, 0.2, (8, 3)))
    clean = np.stack([camera.project(poses.points(BOARD.corners)) for camera in cameras])
    xy = clean + rng.normal(0, 0.3, clean.shape)
    xy[rng.uniform(size=xy.shape[:3]) < 0.2] = np.nan
    start = [cameras[0]] + [
        c.with_pose(rotation_matrix(rng.normal(0, 0.02, 3)) @ c.R, c.t + rng.normal(0, 0.03, 3)) for c in cameras[1:]
    ]
    off = BoardPoses(rotation_matrix(rng.normal(0, 0.05, (8, 3))) @ poses.R, poses.t + rng.normal(0, 0.02, (8, 3)))
    return cameras, start, poses, off, BoardObservations(BOARD.corners, xy)


def unpack(x, cameras):
    """Every pose as a rotation vector and a translation, the first camera's left out."""
    blocks = x.reshape(-1, 6)
    moved = [cameras[0]] + [
        c.with_pose(rotation_matrix(b[:3]), b[3:]) for c, b in zip(cameras[1:], blocks, strict=False)
    ]
    rest = blocks[len(cameras) - 1 :]
    return moved, BoardPoses(rotation_matrix(rest[:, :3]), rest[:, 3:])


def pack(cameras, poses):
    rows = [np.concatenate([rotation_vector(c.R), c.t]) for c in cameras[1:]]
    return np.concatenate([*rows, np.concatenate([rotation_vector(poses.R), poses.t], axis=1).ravel()])


def dense_reference(scene, loss_scale):
    _, start, _, off, seen = scene

    def residuals(x):
        moved, poses = unpack(x, start)
        error = np.stack([c.project(poses.points(seen.corners)) for c in moved]) - seen.xy
        error = error[np.isfinite(error).all(-1)]
        if loss_scale is not None:
            s = (error**2).sum(-1, keepdims=True) / loss_scale**2
            error = error * np.sqrt(np.log1p(s) / s)
        return error.ravel()

    return least_squares(residuals, pack(start, off), xtol=1e-15, ftol=1e-15, gtol=1e-14, x_scale="jac", jac="3-point")


@pytest.mark.parametrize("loss_scale", [None, 0.5])
def test_the_result_is_that_of_a_dense_reference(scene, loss_scale):
    _, start, _, off, seen = scene
    ours = adjust_boards(start, seen, off, config=AdjustmentConfig(loss_scale=loss_scale, tolerance=1e-15))
    reference = dense_reference(scene, loss_scale)
    assert ours.converged
    assert ours.cost == pytest.approx(reference.cost, rel=1e-8)
    np.testing.assert_allclose(pack(ours.cameras, ours.poses), reference.x, atol=1e-6)


def test_the_covariance_is_that_of_a_dense_reference(scene):
    _, start, _, off, seen = scene
    ours = adjust_boards(start, seen, off, config=AdjustmentConfig(loss_scale=None))
    reference = dense_reference(scene, None)
    J = reference.jac[:, :]
    noise = 2 * reference.cost / (len(J) - J.shape[1])
    dense = noise * np.linalg.inv(J.T @ J)
    for i in (1, 2):  # translations mean the same in both parametrisations
        block = slice(6 * (i - 1) + 3, 6 * i)
        np.testing.assert_allclose(ours.covariance[i][3:, 3:], dense[block, block], rtol=1e-3)
    assert not ours.covariance[0].any()


def test_the_noise_is_found(scene):
    _, start, _, off, seen = scene
    assert adjust_boards(start, seen, off, config=AdjustmentConfig(loss_scale=None)).noise == pytest.approx(
        0.3, rel=0.1
    )


def test_wild_corners_barely_move_the_cameras(scene, rng):
    cameras, start, _, off, seen = scene
    xy = seen.xy.copy()
    wild = rng.uniform(size=xy.shape[:3]) < 0.1
    xy[wild] += rng.normal(0, 60, (wild.sum(), 2))
    spoilt = BoardObservations(seen.corners, xy)
    robust = adjust_boards(start, spoilt, off)
    plain = adjust_boards(start, spoilt, off, config=AdjustmentConfig(loss_scale=None))

    def error(result):
        return max(np.linalg.norm(a.center - b.center) for a, b in zip(result.cameras, cameras, strict=True))

    assert error(robust) < 1.5 * error(adjust_boards(start, seen, off))
    assert error(plain) > 3 * error(robust)


def test_lenses_are_found_again(scene):
    cameras, _, poses, _, seen = scene
    clean = np.stack([camera.project(poses.points(BOARD.corners)) for camera in cameras])
    wrong = [Camera(c.name, c.K * [[1.02], [1.01], [1]], c.dist, c.R, c.t, c.size) for c in cameras]
    lens = tuple(np.eye(9)[:, [0, 1, 2, 3, 4]] for _ in cameras)
    config = AdjustmentConfig(loss_scale=None, lens=lens, tolerance=1e-14)
    ours = adjust_boards(wrong, BoardObservations(seen.corners, clean), poses, config=config)
    np.testing.assert_allclose([c.K for c in ours.cameras], [c.K for c in cameras], atol=1e-4)
    assert not ours.lens_covariance[1][5:].any()


def test_a_bent_board_and_late_cameras_come_out_as_by_a_dense_reference(scene, rng):
    cameras, start, poses, off, seen = scene
    bent = BOARD.corners + rng.normal(0, 0.0005, BOARD.corners.shape)
    motion = np.broadcast_to(rng.normal(0, 100, (3, 8, 1, 2)), seen.xy.shape)
    late = np.array([0, 0.03, -0.02])[:, None, None, None] * motion
    xy = np.stack([camera.project(poses.points(bent)) for camera in cameras]) - late
    xy = np.where(seen.seen[..., None], xy + rng.normal(0, 0.1, xy.shape), np.nan)
    stiffness = 0.1 / 0.0005

    def residuals(x):
        moved, placed = unpack(x[: -len(bent) * 3 - 2], start)
        corners = x[-len(bent) * 3 - 2 : -2].reshape(-1, 3)
        delays = np.array([0, *x[-2:]])[:, None, None, None]
        error = np.stack([c.project(placed.points(corners)) for c in moved]) - delays * motion - xy
        return np.concatenate([error[np.isfinite(error)], stiffness * (corners - BOARD.corners).ravel()])

    first = np.concatenate([pack(start, off), BOARD.corners.ravel(), [0, 0]])
    dense = least_squares(residuals, first, xtol=1e-15, ftol=1e-15, gtol=1e-14, x_scale="jac")
    config = AdjustmentConfig(loss_scale=None, stiffness=stiffness, tolerance=1e-15)
    ours = adjust_boards(start, BoardObservations(BOARD.corners, xy, motion), off, config=config)
    assert ours.cost == pytest.approx(dense.cost, rel=1e-7)
    np.testing.assert_allclose(ours.corners.ravel(), dense.x[-len(bent) * 3 - 2 : -2], atol=1e-6)
    np.testing.assert_allclose(ours.delays, [0, *dense.x[-2:]], atol=1e-6)
    np.testing.assert_allclose(ours.delays, [0, 0.03, -0.02], atol=4 * ours.delay_sigma.max())
    assert (ours.delay_sigma[1:] < 0.002).all()


def test_a_board_that_may_not_bend_stays_as_printed(scene):
    _, start, _, off, seen = scene
    ours = adjust_boards(start, seen, off)
    assert (ours.corners == BOARD.corners).all()
    assert not ours.delays.any()


def test_a_camera_that_saw_nothing_is_named(scene):
    _, start, _, off, seen = scene
    xy = seen.xy.copy()
    xy[2] = np.nan
    with pytest.raises(CalibrationError, match="camera c2 saw no board"):
        adjust_boards(start, BoardObservations(seen.corners, xy), off)


def test_a_pose_that_nobody_saw_is_refused(scene):
    _, start, _, off, seen = scene
    xy = seen.xy.copy()
    xy[:, 3] = np.nan
    with pytest.raises(CalibrationError, match="1 board poses were seen in fewer than 4 corners"):
        adjust_boards(start, BoardObservations(seen.corners, xy), off)


def test_shapes_that_disagree_are_refused(scene):
    _, start, _, off, seen = scene
    with pytest.raises(ValueError, match="xy must be"):
        adjust_boards(start[:2], seen, off)
