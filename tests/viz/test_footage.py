import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.datasets.video import probe
from lift3d.viz import footage as footage_module
from lift3d.viz.footage import Footage, FootageOptions, write_footage
from lift3d.viz.person_paint import Looks
from lift3d.viz.person_solids import PersonSolids, person_solids
from lift3d.viz.ray_table import RayTable
from lift3d.viz.room import Room
from lift3d.viz.room_textures import COURT_CIRCLE
from lift3d.viz.solids import ball, cast

SKELETON = SKELETONS["body_25b"]
CLEAN = FootageOptions(noise=0.0)


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4, size=(320, 180))


@pytest.fixture(scope="module")
def people():
    return demo_people(10.0, 5.0)


@pytest.fixture(scope="module")
def camera_crew(rig):
    return Footage(rig, SKELETON, options=CLEAN)


def empty(crew):
    return crew.pictures(np.full((1, 25, 3), np.nan))


def test_a_ball_at_a_joint_is_found_where_the_camera_projects_the_joint(rig, people, monkeypatch):
    """The whole way: lens, rays, four rays a pixel, softness; the lens bends by several pixels."""
    red = Looks(shirt=np.array([1.0, 0.0, 0.0]))
    crew = Footage(rig, SKELETON, looks=[red], options=CLEAN)
    background = [picture.astype(int) for picture in empty(crew)]
    for joint in ("nose", "left_wrist", "right_knee"):
        place = people[10, 0, SKELETON.index(joint)]

        def only_a_ball(*_, place=place):
            return PersonSolids(ball("shirt", place, 0.06), np.eye(3), place, place - [0, 0, 1], np.eye(3)[2], 1.0)

        monkeypatch.setattr(footage_module, "person_solids", only_a_ball)
        monkeypatch.setattr(footage_module, "darken", lambda *_: None)
        for camera, picture, before in zip(rig, crew.pictures(people[10, :1]), background, strict=True):
            changed = np.abs(picture.astype(int) - before).sum(-1).astype(float)
            v, u = np.mgrid[: picture.shape[0], : picture.shape[1]]
            inside = changed > 40
            seen = np.array([u[inside].mean(), v[inside].mean()])
            straight = camera.K[:2] @ (lambda x: x / x[2])(camera.R @ place + camera.t)
            assert np.linalg.norm(seen - camera.project(place)) < 0.5
            assert np.linalg.norm(seen - straight) > 0 or not camera.dist.any()


def test_every_joint_lies_in_the_body_that_is_seen_at_its_pixel(people):
    rig = ring_rig(4, size=(640, 360))
    limbs = {
        "wrist": {"skin"},
        "elbow": {"skin", "sleeve"},
        "knee": {"trousers"},
        "ankle": {"shoe", "skin", "trousers"},
        "big_toe": {"shoe", "sole"},
        "hip": {"hips", "trousers", "shirt"},
        "shoulder": {"shirt", "sleeve"},
        "nose": {"face"},
    }
    seen, right = 0, 0
    for frame in (0, 14, 20, 38):
        person = person_solids(people[frame, 0], SKELETON)
        for camera in rig:
            table = RayTable.of(camera)
            hits = cast(person.solids, table.rays((0, 0, 640, 360)), table.pose, table.windows(person.solids))
            depth = people[frame, 0] @ camera.R[2] + camera.t[2]
            for joint, (u, v), far in zip(
                SKELETON.joints, np.round(camera.project(people[frame, 0])).astype(int), depth, strict=True
            ):
                part = joint.removeprefix("left_").removeprefix("right_")
                if part not in limbs:
                    continue
                assert hits.which[v, u] >= 0, (frame, camera.name, joint)
                assert hits.depth[v, u] < far + 0.04
                if hits.depth[v, u] > far - 0.13:  # nothing else of the body is before it
                    seen += 1
                    right += person.solids.names[hits.which[v, u]] in limbs[part]
    assert seen > 120
    assert right / seen > 0.93


def test_the_walls_and_the_floor_are_one_world_for_all_cameras(rig):
    room = Room(5.0, np.random.default_rng(0))
    for camera in rig:
        floor = room.seen_by(RayTable.of(camera)).floor
        rows, columns = np.nonzero(np.isfinite(floor).all(-1))
        assert len(rows) > 5000
        some = slice(0, None, 997)
        xyz = np.concatenate([floor[rows[some], columns[some]], np.zeros((len(rows[some]), 1))], axis=1)
        np.testing.assert_allclose(camera.project(xyz), np.stack([columns[some], rows[some]], axis=-1), atol=0.02)


def test_the_circle_on_the_floor_is_where_every_camera_projects_it_to(camera_crew, rig):
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    for camera, picture in zip(rig, empty(camera_crew), strict=True):
        blue_less_red = picture[..., 2].astype(float) - picture[..., 1]
        values = []
        for radius in (COURT_CIRCLE - 0.3, COURT_CIRCLE, COURT_CIRCLE + 0.3):
            ring = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=-1)
            u, v = np.round(camera.project(ring)).astype(int).T
            inside = (u >= 0) & (v >= 0) & (u < 320) & (v < 180)
            values.append(np.median(blue_less_red[v[inside], u[inside]]))
        assert values[1] > max(values[0], values[2]) + 5


def test_a_face_looks_like_none_from_behind(camera_crew, rig, people):
    """Where the nose is projected to there is skin from before, and dark hair from behind."""
    person = people[0, :1]
    forward = np.cross(person[0, SKELETON.index("left_ear")] - person[0, SKELETON.index("right_ear")], [0, 0, 1])
    brightness = {}
    for camera, picture in zip(rig, camera_crew.pictures(person), strict=True):
        head = person[0, SKELETON.index("left_ear")] / 2 + person[0, SKELETON.index("right_ear")] / 2 + [0, 0, 0.03]
        u, v = np.round(camera.project(head)).astype(int)
        brightness[float(forward @ (camera.center - head))] = picture[v - 1 : v + 2, u - 1 : u + 2].mean()
    front, back = brightness[max(brightness)], brightness[min(brightness)]
    assert front > back + 40


def test_feet_stand_in_their_shadow(camera_crew, rig, people):
    person = people[0, :1]
    before, after = empty(camera_crew), camera_crew.pictures(person)
    around_feet = person[0, [SKELETON.index("left_heel"), SKELETON.index("right_heel")]].mean(0)
    around_feet[2] = 0
    angle = np.linspace(0, 2 * np.pi, 40)
    ring = around_feet + 0.25 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    for camera, empty_hall, filmed in zip(rig, before, after, strict=True):
        u, v = np.round(camera.project(ring)).astype(int).T
        assert np.median(filmed[v, u].mean(-1) / empty_hall[v, u].mean(-1)) < 0.97
        assert (filmed[:20].astype(int) - empty_hall[:20] == 0).all()  # far from the person nothing changes


def test_the_seed_decides_every_pixel(people):
    rig = ring_rig(2, size=(96, 54))

    def film(seed, frame=3):
        return np.array(Footage(rig, SKELETON, options=FootageOptions(seed)).pictures(people[3], frame))

    first = film(1)
    np.testing.assert_array_equal(first, film(1))
    assert (first != film(2)).mean() > 0.5
    other_frame = film(1, 4).astype(int)
    assert 1.0 < (first - other_frame).std() < 6.0  # the same scene, other noise


def test_whoever_lacks_a_joint_is_not_drawn_and_a_set_without_feet_is_refused(camera_crew, rig, people):
    torn = people[3].copy()
    torn[:, 4] = np.nan
    for one, other in zip(camera_crew.pictures(torn), empty(camera_crew), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match="a body needs the joints of body_25b; coco_17 lacks neck, head"):
        Footage(rig, SKELETONS["coco_17"], options=CLEAN).pictures(people[3][:, :17])


def test_every_camera_has_its_video_with_all_frames(people, tmp_path):
    rig = ring_rig(2, size=(96, 54))
    told = []
    paths = write_footage(
        tmp_path, people[:5], Footage(rig, SKELETON), fps=5.0, progress=lambda *args: told.append(args)
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cam01.mp4", "cam02.mp4"]
    assert told[-1] == ("filming", 10, 10)
    for path in paths.values():
        info = probe(path)
        assert (info.size, info.fps, info.frames) == ((96, 54), 5.0, 5)
    video = cv2.VideoCapture(str(paths["cam01"]))
    decoded = video.read()[1].astype(float)
    video.release()
    assert np.abs(decoded - Footage(rig, SKELETON).pictures(people[0])[0]).mean() < 8  # what is left by compression


def test_odd_pictures_and_existing_videos_are_refused(people, tmp_path):
    crew = Footage(ring_rig(1, size=(97, 54)), SKELETON)
    with pytest.raises(InputError, match="video needs even sides; camera cam01 is 97x54"):
        write_footage(tmp_path, people[:1], crew, fps=5.0)
    (tmp_path / "cam02.mp4").write_text("mine")
    with pytest.raises(FileExistsError, match=r"cam02\.mp4"):
        write_footage(tmp_path, people[:1], Footage(ring_rig(2, size=(96, 54)), SKELETON), fps=5.0)
    assert [path.name for path in tmp_path.iterdir()] == ["cam02.mp4"]
