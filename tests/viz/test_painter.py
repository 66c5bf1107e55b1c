import numpy as np
import pytest

from lift3d.viz.mesh import Mesh, join, quads, unit_sphere
from lift3d.viz.painter import PainterRenderer
from lift3d.viz.palette import BACKGROUND
from lift3d.viz.viewpoint import Viewpoint

SIZE = (160, 120)
VIEW = Viewpoint(np.array([[150.0, 0, 79.5], [0, 150, 59.5], [0, 0, 1]]), np.eye(3), np.zeros(3), SIZE)
RED, BLUE = [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]


def ball(center, radius, color):
    vertices, faces = unit_sphere(12, 16)
    return Mesh(radius * vertices + center, faces, np.tile(color, (len(vertices), 1)))


def drawn(*meshes, view=VIEW):
    renderer = PainterRenderer(SIZE)
    for name, mesh in enumerate(meshes):
        renderer.set_mesh(str(name), mesh)
    return renderer.draw(view).astype(float)


def coverage(image):
    """How much of each pixel is not background, 0..1, for a ball in RED."""
    background = 255 * BACKGROUND[::-1]
    return np.linalg.norm(image - background, axis=-1) / np.linalg.norm(255 * np.array(RED[::-1]) - background)


def test_a_ball_appears_where_the_camera_projects_it():
    covered = coverage(drawn(ball([0.2, -0.1, 2.0], 0.15, RED)))
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    center = [(covered * grid).sum() / covered.sum() for grid in (columns, rows)]
    assert np.allclose(center, [79.5 + 150 * 0.1, 59.5 - 150 * 0.05], atol=0.3)
    assert covered.sum() == pytest.approx(np.pi * (150 * 0.15 / 2.0) ** 2, rel=0.05)  # a disc of 11 px radius


def test_edges_are_smooth():
    covered = coverage(drawn(ball([0, 0, 2.0], 0.3, RED)))
    assert ((covered > 0.1) & (covered < 0.9)).sum() > 40


@pytest.mark.parametrize("order", [1, -1])
def test_near_hides_far_whatever_came_first(order):
    balls = [ball([0, 0, 2.0], 0.1, RED), ball([0, 0, 3.0], 0.4, BLUE)][::order]
    image = drawn(*balls)
    assert np.allclose(image[59, 79], 255 * np.array(RED[::-1]), atol=3)
    assert np.allclose(image[59, 79 + 15], 255 * np.array(BLUE[::-1]), atol=3)


def test_what_is_behind_the_viewer_or_beside_the_picture_is_not_painted():
    image = drawn(ball([0, 0, -2.0], 0.5, RED), ball([50, 0, 2.0], 0.5, RED), ball([0, 0, 0], 0.5, RED))
    assert np.ptp(image.reshape(-1, 3), axis=0).max() == 0


def test_a_point_at_infinity_is_no_trouble():
    mesh = ball([0, 0, 2.0], 0.1, RED)
    mesh.vertices[:5] = np.inf
    mesh.vertices[5:8] = 1e300
    with np.errstate(invalid="ignore"):
        assert np.isfinite(drawn(mesh)).all()


def test_the_floor_is_painted_under_everything_and_not_from_below():
    floor = quads([[-1, 1, 1], [1, 1, 1], [1, 1, 3], [-1, 1, 3]], RED)  # its normal points at the viewer's side (-y)
    renderer = PainterRenderer(SIZE)
    renderer.set_mesh("people", ball([0, 0.9, 2.9], 0.2, BLUE))
    renderer.set_mesh("floor", floor)
    from_above = renderer.draw(VIEW)
    assert (np.abs(from_above - 255 * np.array(RED[::-1])).max(-1) < 3).any()
    assert (np.abs(from_above - 255 * np.array(BLUE[::-1])).max(-1) < 3).any()
    below = drawn(join([Mesh(floor.vertices * [1, -1, 1], floor.faces, floor.colors)]))
    assert np.ptp(below.reshape(-1, 3), axis=0).max() == 0
