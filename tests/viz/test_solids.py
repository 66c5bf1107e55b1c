import numpy as np
import pytest

from lift3d.calib import Camera
from lift3d.datasets.body import Body
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.viz.person_solids import person_solids
from lift3d.viz.ray_table import RayTable, around
from lift3d.viz.solids import Solids, ball, cast, limb, meet, surface


def wide_camera(size=(320, 240), k1=-0.28):
    """A camera at (0, -4, 1) that looks along y through a lens that bends a lot."""
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    K = np.array([[0.55 * size[0], 0, 0.48 * size[0]], [0, 0.55 * size[0], 0.53 * size[1]], [0, 0, 1]])
    return Camera("wide", K=K, dist=[k1, 0.06, 0.002, -0.001, 0], R=R, t=-R @ [0, -4, 1.0], size=size)


def everywhere(solids, table):
    """Windows that leave nothing out."""
    return np.tile([0, 0, *table.camera.size], (len(solids), 1))


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("place", [(0.1, 0, 1.0), (2.4, 0, 1.9), (-2.6, 0.5, -0.4), (-1.9, -1, 2.3)])
def test_a_ball_is_seen_where_its_centre_is_projected_to(place, factor):
    camera, place = wide_camera(), np.array(place)
    table, solid = RayTable.of(camera), ball("ball", place, 0.06)
    width, height = camera.size
    rays = table.rays((0, 0, width, height), factor)
    hits = cast(solid, rays, table.pose, everywhere(solid, table) * factor)
    rows, columns = np.nonzero(hits.which == 0)
    seen = (np.array([columns.mean(), rows.mean()]) + 0.5) / factor - 0.5
    # A ball's outline is not centred on its centre, but 0.06 m at 4 m shift it by less than a tenth of a pixel.
    np.testing.assert_allclose(seen, camera.project(place), atol=0.25)


def test_a_limb_is_the_hull_of_its_balls():
    """The oracle is a sweep of 800 balls, each met by the school formula."""
    table = RayTable.of(wide_camera((160, 120), k1=-0.1))
    a, b, radii = np.array([-0.5, 0.3, 0.6]), np.array([0.4, -0.5, 1.5]), (0.25, 0.08)
    x, y = table.rays((0, 0, 160, 120))
    depth = meet(limb("limb", (a, b), radii), 0, (x, y), table.pose)
    R, center = table.pose
    ray = np.stack([x, y, np.ones_like(x)], axis=-1).astype(float) @ R
    best = np.full(x.shape, np.inf)
    for s in np.linspace(0, 1, 800):
        o = center - (a + s * (b - a))
        dd, od = (ray * ray).sum(-1), ray @ o
        root = od**2 - dd * (o @ o - ((1 - s) * radii[0] + s * radii[1]) ** 2)
        with np.errstate(invalid="ignore"):
            best = np.fmin(best, (-od - np.sqrt(root)) / dd)
    assert 200 < np.isfinite(best).sum() < 2000
    assert (np.isfinite(best) != np.isfinite(depth)).sum() <= 4  # the outline, where rounding decides
    both = np.isfinite(best) & np.isfinite(depth)
    assert np.quantile(np.abs(depth[both] - best[both]), 0.99) < 1e-3


def test_a_flattened_limb_is_as_thin_as_it_is_told():
    thin = np.array([0.0, 0, 1])
    solid = limb("limb", (np.array([-0.5, 0, 1]), np.array([0.5, 0, 1])), (0.2, 0.2), thin=thin, flat=0.4)
    table = RayTable.of(wide_camera(k1=0.0))
    rays = table.rays((0, 0, 320, 240))
    depth = meet(solid, 0, rays, table.pose)
    rows, columns = np.nonzero(np.isfinite(depth))
    at = surface(solid, 0, (rays[0][rows, columns], rays[1][rows, columns]), depth[rows, columns], table.pose)
    middle = np.abs(at.world[:, 0]) < 0.4
    assert np.abs(at.world[middle, 2] - 1).max() == pytest.approx(0.075, abs=0.005)
    assert at.world[:, 1].min() == pytest.approx(-0.2, abs=0.002)
    np.testing.assert_allclose(np.linalg.norm(at.normal, axis=-1), 1, atol=1e-5)
    on_ellipse = (at.world[middle, 1] / 0.2) ** 2 + ((at.world[middle, 2] - 1) / 0.08) ** 2
    np.testing.assert_allclose(on_ellipse, 1, atol=2e-3)
    slope = at.world[middle][:, 1:] / np.array([0.2**2, 0.08**2]) - [0, 1 / 0.08**2]
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True)
    np.testing.assert_allclose(at.normal[middle][:, 1:], slope, atol=5e-3)


def test_the_nearer_solid_hides_the_other():
    table = RayTable.of(wide_camera(k1=0.0))
    two = Solids.join([ball("far", np.array([0.0, 1, 1]), 0.5), ball("near", np.array([0.0, -1, 1]), 0.1)])
    hits = cast(two, table.rays((0, 0, 320, 240)), table.pose, everywhere(two, table))
    u, v = np.round(table.camera.project(np.array([0.0, 0, 1]))).astype(int)
    assert two.names[hits.which[v, u]] == "near"
    assert hits.depth[v, u] == pytest.approx(2.9, abs=1e-3)
    assert (hits.which == 0).sum() > 100


def test_behind_the_camera_nothing_is_seen():
    table = RayTable.of(wide_camera())
    behind = ball("ball", np.array([0.0, -6, 1]), 0.5)
    assert around(table.windows(behind)) is None
    assert not np.isfinite(meet(behind, 0, table.rays((0, 0, 320, 240)), table.pose)).any()


@pytest.mark.parametrize("place", [(0.0, 0, 0), (2.6, 0, 0), (0.3, -3.2, 0), (-0.4, -3.7, -0.3), (0.0, 9, 0)])
def test_windows_leave_out_no_pixel_of_a_body(place):
    body = Body().place({}, np.array([[0.0, 0, 0.93]]))[0] + place
    solids = person_solids(body, SKELETONS["body_25b"]).solids
    for camera in (wide_camera(), *ring_rig(2, size=(160, 90))):
        table = RayTable.of(camera)
        rays = table.rays((0, 0, *camera.size))
        whole = cast(solids, rays, table.pose, everywhere(solids, table))
        quick = cast(solids, rays, table.pose, table.windows(solids))
        np.testing.assert_array_equal(quick.which, whole.which)


def test_rays_between_pixels_are_those_of_the_lens():
    camera = wide_camera()
    x, y = RayTable.of(camera).rays((10, 20, 60, 90), 2)
    assert x.shape == (140, 100)
    u, v = np.meshgrid((np.arange(20, 120) + 0.5) / 2 - 0.5, (np.arange(40, 180) + 0.5) / 2 - 0.5)
    exact = camera.undistort(np.stack([u, v], axis=-1))
    np.testing.assert_allclose(np.stack([x, y], axis=-1), exact, atol=0.01 / camera.K[0, 0])  # a hundredth of a pixel
