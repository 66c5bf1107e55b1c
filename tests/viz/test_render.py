import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses, Skeleton
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz import RenderOptions, render_image, render_video
from lift3d.viz.look import Look
from lift3d.viz.palette import BACKGROUND, PEOPLE, rgb
from lift3d.viz.render import shown_frames, video_fps
from lift3d.viz.video_file import gif_fps

PLAIN = RenderOptions(renderer="painter", caption=False, floor=False, cameras=False)
PAINTER = RenderOptions(renderer="painter")
SMALL = (320, 180)


def frames_of(path):
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    fps = video.get(cv2.CAP_PROP_FPS)
    video.release()
    return np.array(frames, np.int16), fps


def hue_share(image, code):
    """The share of pixels with about the hue of a colour."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(int)
    wanted = cv2.cvtColor((255 * rgb(code)[None, None, ::-1]).astype(np.uint8), cv2.COLOR_BGR2HSV)[0, 0]
    return ((np.abs(hsv[..., 0] - int(wanted[0])) < 6) & (hsv[..., 1] > 60)).mean()


def test_a_picture_shows_every_person_in_their_colour(walkers, tmp_path):
    done = render_image(walkers(2), tmp_path / "a.png", size=SMALL, options=PLAIN)
    image = cv2.imread(str(tmp_path / "a.png"))
    assert (done.size, image.shape) == (SMALL, (180, 320, 3))
    assert hue_share(image, PEOPLE[0].center) > 0.005
    assert hue_share(image, PEOPLE[1].center) > 0.005
    assert hue_share(image, PEOPLE[2].center) == 0
    assert np.abs(image[0, 0] - 255 * BACKGROUND[::-1]).max() < 1


@pytest.mark.parametrize("view", ["three-quarter", "front", "side", "top", "turntable"])
def test_the_person_is_in_the_middle_of_every_fixed_view(walkers, tmp_path, view):
    render_image(walkers(), tmp_path / "a.png", size=(200, 300), view=view, options=PLAIN)
    image = cv2.imread(str(tmp_path / "a.png")).astype(int)
    rows, columns = np.nonzero(np.abs(image - image[0, 0]).max(-1) > 20)
    assert abs((columns.min() + columns.max()) / 2 - 100) < 20
    assert abs((rows.min() + rows.max()) / 2 - 150) < 35
    assert max(np.ptp(columns) / 200, np.ptp(rows) / 300) > 0.4


def test_through_a_camera_the_joints_are_where_the_camera_saw_them(walkers, tmp_path):
    poses = walkers(1, 1)
    camera = poses.rig[1]
    render_image(poses, tmp_path / "a.png", view=camera.name, options=PLAIN)
    image = cv2.imread(str(tmp_path / "a.png")).astype(int)
    assert image.shape[:2] == camera.size[::-1]
    for joint in ("pelvis", "left_knee", "right_elbow", "head"):  # near the middle, where the lens bends little
        x, y = camera.project(poses.xyz[0, 0, poses.skeleton.index(joint)]).round().astype(int)
        assert np.abs(image[y - 3 : y + 4, x - 3 : x + 4] - image[0, 0]).max(-1).mean() > 60


def test_a_video_plays_back_at_real_speed(walkers, tmp_path):
    seen = []
    options = RenderOptions(renderer="painter", title="walk", progress=lambda *done: seen.append(done))
    done = render_video(walkers(1, 40), tmp_path / "a.mp4", size=SMALL, options=options)
    frames, fps = frames_of(tmp_path / "a.mp4")
    assert (len(frames), fps) == (20, 30)  # recorded at 60
    assert frames.shape[1:] == (180, 320, 3)
    assert (done.frames, done.fps, done.size) == (20, 30, SMALL)
    assert np.abs(frames[0] - frames[-1]).max() > 60
    assert seen[-1] == ("render", 20, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_odd_sizes_become_even_in_a_video_alone(walkers, tmp_path):
    assert render_video(walkers(1, 2), tmp_path / "a.mp4", size=(161, 91), options=PLAIN).size == (162, 92)
    assert render_image(walkers(1, 2), tmp_path / "a.png", size=(161, 91), options=PLAIN).size == (161, 91)


def test_a_turntable_of_one_frame_goes_round(walkers, tmp_path):
    options = RenderOptions(renderer="painter", caption=False, fps=4)
    done = render_video(walkers(1, 1), tmp_path / "a.mp4", size=(160, 90), view="turntable", options=options)
    frames, _ = frames_of(tmp_path / "a.mp4")
    assert len(frames) == done.frames == 24
    assert np.abs(frames[0] - frames[12]).max() > 60


def test_a_short_turntable_is_repeated_until_it_is_slow_enough(walkers, tmp_path):
    options = RenderOptions(renderer="painter", fps=5)
    done = render_video(walkers(1, 10, fps=5.0), tmp_path / "a.mp4", size=(64, 48), view="turntable", options=options)
    assert done.frames == 30  # 2 s of walking, three times


def test_a_video_that_breaks_off_leaves_nothing(walkers, tmp_path):
    def stop(stage, done, total):
        if done == 2:
            raise KeyboardInterrupt

    options = RenderOptions(renderer="painter", progress=stop)
    with pytest.raises(KeyboardInterrupt):
        render_video(walkers(), tmp_path / "a.mp4", size=(160, 90), options=options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "xyz",
    [
        np.full((3, 1, 17, 3), np.nan),
        np.zeros((3, 0, 17, 3)),
        np.full((1, 1, 17, 3), 1e9),
        np.where(np.arange(17)[:, None] == 3, 1.0, np.nan)[None, None] * np.ones(3),
    ],
    ids=["no joint", "no person", "far away", "one joint"],
)
def test_poor_data_still_give_a_picture(tmp_path, xyz):
    poses = Poses.from_xyz(xyz, SKELETONS["h36m_17"], 30.0)
    render_image(poses, tmp_path / "a.png", size=SMALL, options=PAINTER)
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image.std() > 2


def test_a_skeleton_of_one_joint_is_a_ball(tmp_path):
    poses = Poses.from_xyz(np.ones((1, 1, 1, 3)), Skeleton("dot", ("thing",)), 30.0)
    render_image(poses, tmp_path / "a.png", size=SMALL, options=PLAIN)
    assert hue_share(cv2.imread(str(tmp_path / "a.png")), PEOPLE[0].center) > 0.001


def test_bad_orders_are_refused_before_any_work(walkers, tmp_path):
    poses = walkers(1, 5)
    (tmp_path / "there.png").write_text("mine")
    for match, work in {
        "there.png exists; give --overwrite": lambda: render_image(poses, tmp_path / "there.png"),
        "folder .*nowhere does not exist": lambda: render_image(poses, tmp_path / "nowhere" / "a.png"),
        "a.bmp must end in .png": lambda: render_image(poses, tmp_path / "a.bmp"),
        "a.png must end in .mp4": lambda: render_video(poses, tmp_path / "a.png"),
        "no frame 5; the poses have frames 0 to 4": lambda: render_image(poses, tmp_path / "a.png", frame=5),
        "no frames 3 to 2": lambda: render_video(poses, tmp_path / "a.mp4", frames=(3, 2)),
        "no view 'up'": lambda: render_image(poses, tmp_path / "a.png", view="up"),
        "sides must be 32 to 8192 pixels, got 8x900": lambda: render_image(poses, tmp_path / "a.png", size=(8, 900)),
        "--fps must be": lambda: render_video(poses, tmp_path / "a.mp4", options=RenderOptions(fps=0)),
    }.items():
        with pytest.raises((InputError, OSError), match=match):
            work()
    assert (tmp_path / "there.png").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]


def test_no_frames_at_all_is_said(tmp_path):
    empty = Poses.from_xyz(np.zeros((0, 1, 17, 3)), SKELETONS["h36m_17"], 30.0)
    with pytest.raises(InputError, match="no frames"):
        render_image(empty, tmp_path / "a.png")
    with pytest.raises(InputError, match="no frames"):
        render_video(empty, tmp_path / "a.mp4")


def test_overwriting_is_allowed_when_asked(walkers, tmp_path):
    (tmp_path / "a.png").write_text("old")
    options = RenderOptions(renderer="painter", overwrite=True)
    render_image(walkers(), tmp_path / "a.png", frame=-1, size=SMALL, options=options)
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def test_frames_are_chosen_by_time():
    assert shown_frames(np.arange(6) / 60, 30).tolist() == [0, 2, 4]
    assert shown_frames(np.arange(3) / 10, 30).tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    over_a_gap = shown_frames(np.array([0.0, 0.1, 0.2, 1.0]), 10).tolist()
    assert over_a_gap[:6] == [0, 1, 2, 2, 2, 2]
    assert over_a_gap[7:] == [3, 3, 3, 3]
    assert shown_frames(np.array([0.0, 0.0, np.nan]), 30).tolist() == [0, 1, 2]
    assert shown_frames(np.array([5.0]), 30).tolist() == [0]


@pytest.mark.parametrize(
    ("recorded", "fps"), [(25, 25), (60, 30), (50, 25), (100, 25), (120, 30), (29.97, 29.97), (np.nan, 30), (0, 30)]
)
def test_videos_run_at_a_whole_part_of_the_recorded_rate(recorded, fps):
    assert video_fps(recorded, None) == pytest.approx(fps)
    assert video_fps(recorded, 12) == 12


def test_where_open3d_cannot_draw_the_simpler_renderer_does_and_says_why(walkers, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lift3d.viz.artist.open3d_problem", lambda: "no Vulkan driver was found: apt-get install it")
    done = render_image(walkers(), tmp_path / "a.png", size=SMALL)
    assert "simpler renderer, since no Vulkan driver" in done.note
    assert [record.getMessage() for record in caplog.records] == [done.note]
    with pytest.raises(InputError, match="cannot draw here: no Vulkan driver"):
        render_image(walkers(), tmp_path / "b.png", size=SMALL, options=RenderOptions(renderer="open3d"))


def test_a_gif_plays_at_real_speed_and_loops(walkers, tmp_path):
    done = render_video(walkers(1, 40), tmp_path / "a.gif", size=(160, 90), options=PAINTER)
    loaded, animation = cv2.imreadanimation(str(tmp_path / "a.gif"))
    assert loaded
    assert (len(animation.frames), done.fps, done.codec) == (13, 20, "gif")  # 40 frames at 60 a second
    assert set(np.ravel(animation.durations)) == {50}
    assert animation.loop_count == 0  # for ever
    assert animation.frames[0].shape[:2] == (90, 160)
    assert np.abs(animation.frames[0].astype(int) - animation.frames[-1]).max() > 60
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_gif_that_breaks_off_leaves_nothing(walkers, tmp_path):
    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_video(
            walkers(), tmp_path / "a.gif", size=(64, 48), options=RenderOptions("", renderer="painter", progress=stop)
        )
    assert not list(tmp_path.iterdir())


def test_a_gif_that_would_not_fit_into_memory_is_refused(monkeypatch, walkers, tmp_path):
    monkeypatch.setattr("lift3d.viz.video_file.MAX_GIF_FRAMES", 3)
    with pytest.raises(InputError, match=r"GIF of over 3 pictures.*--stop"):
        render_video(walkers(1, 60), tmp_path / "a.gif", size=(64, 48), options=PLAIN)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("fps", "said"), [(20, 20), (30, 100 / 3), (25, 25), (60, 50), (1, 1)])
def test_gifs_know_hundredths_of_a_second(fps, said):
    assert gif_fps(fps) == pytest.approx(said)


def test_half_a_million_frames_give_a_picture(tmp_path):
    one = np.ones((1, 1, 17, 3)) * np.linspace(0, 1, 17)[:, None]
    many = Poses.from_xyz(one, SKELETONS["h36m_17"], 30.0)
    shape = (500_000, 1, 17)
    poses = many.replace(
        xyz=np.broadcast_to(many.xyz, (*shape, 3)),
        covariance=np.broadcast_to(many.covariance, (*shape, 6)),
        **{name: np.broadcast_to(getattr(many, name), shape) for name in ("status", "views", "confidence")},
        reprojection_error=np.broadcast_to(many.reprojection_error, shape),
        time=np.arange(500_000) / 30.0,
    )
    options = RenderOptions(renderer="painter", look=Look(color="sigma", trails=1.0))
    assert render_image(poses, tmp_path / "a.png", frame=499_999, size=SMALL, options=options).first == 499_999
    assert cv2.imread(str(tmp_path / "a.png")).std() > 2
