import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.viz.mesh import Mesh, directions_across, join, quads, shaded, tubes, unit_sphere


def outwardness(vertices, faces, inside):
    """For every triangle: its normal times the way from ``inside`` (one point a triangle) to it."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return (np.cross(b - a, c - a) * ((a + b + c) / 3 - inside)).sum(-1)


def test_two_directions_make_a_right_handed_frame_with_any_third(rng):
    along = np.concatenate([rng.normal(size=(200, 3)), np.eye(3), -np.eye(3)])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    frames = np.stack([*directions_across(along), along], axis=-1)
    assert np.allclose(np.swapaxes(frames, 1, 2) @ frames, np.eye(3), atol=1e-12)
    assert np.allclose(np.linalg.det(frames), 1)


def test_a_sphere_encloses_nearly_a_sphere_and_faces_outwards():
    vertices, faces = unit_sphere(24, 32)
    assert np.allclose(np.linalg.norm(vertices, axis=1), 1)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = (a * np.cross(b, c)).sum() / 6  # divergence theorem: positive only if all faces look outwards
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.02)


def test_a_tube_keeps_its_radii_about_its_axis_and_faces_outwards(rng):
    start, end = rng.normal(size=(2, 5, 3))
    mesh = tubes(start, end, np.tile([0.2, 0.1], (5, 1)), [1.0, 0.0, 0.0], segments=16)
    rings = mesh.vertices.reshape(5, 2, 16, 3)
    for ring, centers, radius in ((rings[:, 0], start, 0.2), (rings[:, 1], end, 0.1)):
        spokes = ring - centers[:, None]
        assert np.allclose(np.linalg.norm(spokes, axis=-1), radius)
        assert np.abs((spokes * (end - start)[:, None]).sum(-1)).max() < 1e-12  # across the axis
    middle = np.repeat((start + end) / 2, 32, axis=0)
    assert (outwardness(mesh.vertices, mesh.faces, middle) > 0).all()


def test_a_tube_turns_with_its_ends(rng):
    R = Rotation.random(random_state=3).as_matrix()
    start, end = rng.normal(size=(2, 1, 3))
    still, turned = tubes(start, end, 0.1, [1, 1, 1]), tubes(start @ R.T, end @ R.T, 0.1, [1, 1, 1])
    distances = np.linalg.norm(turned.vertices[:, None] - (still.vertices @ R.T)[None], axis=-1)
    assert distances.min(1).max() < 0.1 * 2 * np.sin(np.pi / 16) + 1e-9  # same ring, up to where it starts


def test_a_tube_without_length_is_finite():
    assert np.isfinite(tubes(np.zeros((1, 3)), np.zeros((1, 3)), 0.1, [1, 1, 1]).vertices).all()


def test_joined_meshes_keep_their_triangles():
    one, two = (
        quads([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [1, 0, 0]),
        tubes([[0, 0, 0]], [[0, 0, 1]], 0.1, [0, 1, 0]),
    )
    both = join([one, Mesh.empty(), two])
    assert np.array_equal(both.vertices[both.faces[:2]], one.vertices[one.faces])
    assert np.array_equal(both.vertices[both.faces[2:]], two.vertices[two.faces])
    assert len(join([]).faces) == 0


def test_light_falls_from_above_and_leaves_no_side_black():
    top, side, bottom = shaded(np.full((3, 3), 0.5), np.array([[0, 0, 1.0], [1, 0, 0], [0, 0, -1.0]]))
    assert top[0] > side[0] > bottom[0] > 0.25
