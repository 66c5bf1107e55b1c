import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.poses import Status
from lift3d.viz.coloring import Coloring, Scale, round_up, scale_for
from lift3d.viz.figures import figure_mesh
from lift3d.viz.look import COLOR_MODES, Look
from lift3d.viz.palette import RAMP, SIDE_COLORS, STATUS_COLORS, UNKNOWN, paler, person_colors
from lift3d.viz.scene import build_scene
from lift3d.viz.wording import legend_words


def known(poses, sigma=0.01, residual=4.0):
    """The same poses with errors: sigma in metres, residual in pixels."""
    covariance = np.zeros((*poses.status.shape, 6))
    covariance[..., [0, 3, 5]] = sigma**2
    return poses.replace(covariance=covariance, reprojection_error=np.full(poses.status.shape, residual))


@pytest.mark.parametrize("mode", COLOR_MODES)
def test_every_mode_gives_every_joint_and_bone_a_colour(walkers, mode):
    poses = known(walkers(2, 3))
    coloring = Coloring(poses, mode, scale=scale_for([poses], mode))
    bones = figure_mesh(poses).bones
    joints, ends = coloring.joints(1), coloring.bones(1, bones)
    assert joints.shape == (2, 17, 3)
    assert ends.shape == (2, len(bones), 2, 3)
    for colors in (joints, ends):
        assert np.isfinite(colors).all()
        assert (colors >= 0).all()
        assert (colors <= 1).all()


def test_sides_are_alike_for_everyone_and_people_are_not(walkers):
    poses = walkers(2)
    left = poses.skeleton.index("left_knee")
    sides = Coloring(poses, "side").joints(0)
    assert np.allclose(sides[:, left], SIDE_COLORS[0])
    people = Coloring(poses, "person").joints(0)
    assert np.allclose(people[0, left], person_colors(0).shades[0])
    assert np.allclose(people[1, left], person_colors(1).shades[0])


def test_a_second_result_goes_on_where_the_first_persons_colours_end(walkers):
    assert np.allclose(Coloring(walkers(), "person", first=2).shades(0), person_colors(2).shades)
    assert np.allclose(Coloring(walkers(2), "file", number=1).shades(1), person_colors(1).shades)


def test_larger_errors_are_darker_and_none_is_off_the_scale():
    scale = Scale(0.0, 20.0, "mm", "sigma")
    colors = scale.colors(np.array([-5.0, 0.0, 5.0, 10.0, 20.0, 900.0]))
    assert np.allclose(colors[[0, 1]], RAMP[0])
    assert np.allclose(colors[[4, 5]], RAMP[-1])
    assert (np.diff(colors[1:5].sum(-1)) < 0).all()
    assert np.allclose(scale.colors(np.array([np.nan])), UNKNOWN)


def test_confidence_is_light_where_it_is_high():
    scale = scale_for([], "confidence")
    assert np.allclose(scale.colors(np.array([1.0, 0.0])), RAMP[[0, -1]])


def test_scales_end_at_round_numbers_that_all_results_share(walkers):
    poses = walkers()
    assert scale_for([known(poses, sigma=0.012), known(poses, sigma=0.027)], "sigma").bad == 30
    assert scale_for([known(poses, residual=4.2)], "residual").bad == 5
    assert scale_for([poses], "sigma").bad == 1  # nothing is known
    assert [round_up(v) for v in (0.0, np.nan, 1.0, 1.1, 19.0, 31.0, 0.06)] == [1, 1, 1, 2, 20, 50, 0.1]


def test_a_status_has_one_colour_and_is_not_paler_too(walkers):
    poses = walkers()
    poses.status[0, 0, 3] = Status.LIFTED
    assert np.allclose(Coloring(poses, "status").joints(0)[0, 3], STATUS_COLORS[Status.LIFTED])
    assert np.allclose(Coloring(poses, "side").joints(0)[0, 3], paler(SIDE_COLORS[2]))


def test_bones_run_from_colour_to_colour_where_colours_are_values(walkers):
    poses = known(walkers())
    bones = figure_mesh(poses).bones
    poses.reprojection_error[0, 0, bones[0, 1]] = 0.0
    ends = Coloring(poses, "residual", scale=Scale(0, 4, "px", "residual")).bones(0, bones)[0, 0]
    assert np.allclose(ends, [RAMP[-1], RAMP[0]])


def test_the_legend_says_what_colours_mean(walkers):
    poses = known(walkers())
    words = [w.text for w in legend_words(build_scene(poses, look=Look(color="sigma", ellipsoids=True)), 0, 1.0)]
    assert words == ["uncertainty 0 to 10 mm", "rings hold a joint with 90 %", "grid 1 m"]
    poses.covariance[0, 0, 0] = np.nan
    words = [w.text for w in legend_words(build_scene(poses, look=Look(color="sigma", trails=2)), 0, 0.0)]
    assert words == ["uncertainty 0 to 10 mm", "not known", "paths of 2 s"]
    poses.status[0, 0, 5] = Status.INTERPOLATED
    words = [w.text for w in legend_words(build_scene(poses, look=Look(color="status")), 0, 0.0)]
    assert words == ["observed", "interpolated"]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"color": "red"}, "no colouring 'red'; choose person"),
        ({"trails": -1.0}, "0 to 60"),
        ({"layout": "up"}, "layout"),
    ],
)
def test_a_look_that_means_nothing_is_refused(wrong, match):
    with pytest.raises(InputError, match=match):
        Look(**wrong)
