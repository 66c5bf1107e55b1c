"""The cameras' pictures stand in their pyramids, right way round."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.viz import RenderOptions, render_image
from lift3d.viz.frustum_pictures import MOST_PATCHES, FrustumPictures, patches
from lift3d.viz.scene import build_scene


@pytest.fixture
def halves(tmp_path):
    """A video: left red, right green, its upper quarter blue; two frames, of which the second is black."""
    path = tmp_path / "cam01.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (320, 180))
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:, :160], picture[:, 160:], picture[:45] = (0, 0, 220), (0, 220, 0), (220, 0, 0)
    for image in (picture, np.zeros_like(picture)):
        writer.write(image)
    writer.release()
    return path


def test_every_patch_has_the_colour_that_the_camera_sees_there(walkers, halves):
    poses = walkers(1, 2)
    camera = poses.rig[0]
    pictures = FrustumPictures(poses, poses.rig, {camera.name: halves}, size=0.5)
    mesh = pictures.mesh(0)
    xy = camera.project(mesh.vertices) / np.array(camera.size)
    for inside, channel in (
        ((xy[:, 0] < 0.45) & (xy[:, 1] > 0.3), 0),
        ((xy[:, 0] > 0.55) & (xy[:, 1] > 0.3), 1),
        (xy[:, 1] < 0.2, 2),
    ):
        assert inside.sum() > 100
        assert (mesh.colors[inside].argmax(-1) == channel).mean() > 0.99
    assert xy.min() > 0
    assert xy.max() < 1
    later = pictures.mesh(1)
    assert later.colors.max() < 0.1
    assert np.array_equal(later.faces, mesh.faces)
    pictures.close()


def test_a_camera_without_a_picture_shrinks_to_a_point(walkers, halves):
    poses = walkers(1, 3)
    name = poses.rig.names[0]
    pictures = FrustumPictures(poses, poses.rig, {name: halves}, size=0.5)
    mesh = pictures.mesh(2)  # the video has two frames
    assert np.ptp(mesh.vertices, axis=0).max() == 0
    pictures.close()


def test_many_cameras_share_the_patches(walkers):
    camera = walkers(1, 1).rig[0]
    for count in (1, 4, 16, 100):
        columns, rows = patches(camera, count)
        assert count * columns * rows <= 1.05 * MOST_PATCHES
        assert columns / rows == pytest.approx(camera.size[0] / camera.size[1], rel=0.05)


def test_the_pictures_are_drawn_where_the_cameras_are(walkers, halves, tmp_path):
    poses = walkers(1, 2)
    options = {"renderer": "painter", "caption": False, "videos": {poses.rig.names[0]: halves}}
    images = []
    for pictures in (False, True):
        path = tmp_path / f"{pictures}.png"
        look = RenderOptions(pictures=pictures, **options)
        render_image(poses, path, frame=0, view="overview", size=(640, 360), options=look)
        images.append(cv2.imread(str(path)).astype(int))
    reddish = [((image[..., 2] > 180) & (image[..., 0] < 60)).sum() for image in images]
    assert reddish[0] < 10
    assert reddish[1] > 50
    assert build_scene(poses).frustum_size(large=True) > build_scene(poses).frustum_size()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png", "--pictures", "--no-cameras"], "without cameras"),
        (["a.png", "--pictures", "--sheet"], "for a sheet"),
        (["a.png", "--pictures", "--view", "cam02"], "through a camera"),
        (["a.png", "--pictures"], "finds no video beside"),
    ],
)
def test_pictures_that_nothing_would_show_are_refused(walkers, tmp_path, words, message):
    file = walkers(1, 2).save(tmp_path / "w.poses.h5")
    result = CliRunner().invoke(
        main, ["render", str(file), str(tmp_path / words[0]), *words[1:], "--renderer", "painter"]
    )
    assert result.exit_code == 2
    assert message in result.stderr
