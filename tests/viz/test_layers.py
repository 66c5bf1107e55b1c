import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz.layers import matching_frames
from lift3d.viz.look import Look
from lift3d.viz.scene import build_comparison
from lift3d.viz.wording import legend_words


def at(time):
    return Poses.from_xyz(np.ones((len(time), 1, 17, 3)), SKELETONS["h36m_17"], 30.0).replace(time=np.asarray(time))


def test_frames_are_matched_by_time_not_by_number():
    assert matching_frames(at([0, 0.1, 0.19, 0.3]), at([0.1, 0.3, 0.5])).tolist() == [0, 0, 0, 1]
    assert matching_frames(at([0, 0.1, 0.2, 0.3]), at([0.1, 0.2])).tolist() == [-1, 0, 1, -1]
    assert matching_frames(at([0, 0.1]), at([5.0])).tolist() == [-1, -1]
    assert matching_frames(at([0, 0, 0]), at([0.0, 1.0])).tolist() == [0, 1, -1]  # no times to go by


def test_results_in_one_place_take_a_colour_each_and_their_names_stand_in_the_legend(walkers):
    scene = build_comparison({"a": walkers(2), "b": walkers(2)})
    assert [layer.coloring.mode for layer in scene.layers] == ["file", "file"]
    assert not np.allclose(scene.layers[0].coloring.joints(0), scene.layers[1].coloring.joints(0))
    assert [w.text for w in legend_words(scene, 0, 0.0)][:2] == ["a", "b"]
    assert len(scene.people(0).vertices) == 2 * len(scene.layers[0].meshes(0)["people"].vertices)
    assert scene.people(0).faces.max() == len(scene.people(0).vertices) - 1


def test_side_by_side_nobody_stands_in_anothers_place_and_names_stand_above(walkers):
    look = Look(layout="side")
    scene = build_comparison({"a": walkers(2), "b": walkers(2), "c": walkers(1)}, look=look)
    view = scene.viewpoint("three-quarter", size=(640, 400))
    spans = [view.project(layer.poses.xyz[0])[0][..., 0] for layer in scene.layers]
    assert spans[0].max() < spans[1].min()
    assert spans[1].max() < spans[2].min()
    names = {label.text: label.at for label in scene.labels if label.group == "names"}
    assert list(names) == ["a", "b", "c"]
    assert all(names[layer.name][2] > np.nanmax(layer.poses.xyz[..., 2]) for layer in scene.layers)


def test_other_joint_sets_can_be_compared(walkers):
    other = Poses.from_xyz(np.ones((12, 1, 25, 3)), SKELETONS["body_25b"], 60.0)
    scene = build_comparison({"a": walkers(), "b": other})
    assert np.isfinite(scene.people(3).vertices).all()


def test_where_the_other_has_ended_only_the_first_is_drawn(walkers):
    scene = build_comparison({"a": walkers(1, 20), "b": walkers(1, 5)})
    one = len(scene.layers[0].meshes(0)["people"].vertices)
    assert len(scene.people(10).vertices) == 2 * one
    assert np.ptp(scene.people(10).vertices[one:], axis=0).max() == 0
    assert scene.people(10).faces.shape == scene.people(0).faces.shape


def test_scales_are_shared(walkers):
    a, b = (walkers().replace(reprojection_error=np.full((12, 1, 17), px)) for px in (1.0, 9.0))
    scene = build_comparison({"a": a, "b": b}, look=Look(color="residual"))
    assert [layer.coloring.scale.bad for layer in scene.layers] == [10, 10]


def test_the_picture_fits_all_results(walkers):
    far = walkers().replace(xyz=walkers().xyz + [0.0, 5.0, 0.0])
    scene = build_comparison({"a": walkers(), "b": far}, frames=slice(0, 1))
    xy, _ = scene.viewpoint("front", size=(320, 200)).project(far.xyz[0])
    assert (xy > 0).all()
    assert (xy < [320, 200]).all()


def test_a_result_without_frames_is_named(walkers):
    with pytest.raises(InputError, match="no frames"):
        build_comparison({"a": walkers(), "b": at([])})
