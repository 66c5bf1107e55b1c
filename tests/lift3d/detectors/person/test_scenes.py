import dataclasses

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from lift3d.calib import InputError
from lift3d.datasets.people_images import read_people_images
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.person.cutouts import LONGEST, body_mask, filled, read_cutouts
from lift3d.detectors.person.scenery import make_scenery, paste
from lift3d.detectors.person.scenes import SceneSettings, make_scene

PLAIN = SceneSettings(people=(0, 1), whole=0.0, alone=0.0, mosaic=0.0, rooms=0.0, bars=0.0, decoys=0, disturbed=False)


@pytest.fixture
def people(people_files):
    return read_people_images(*people_files(6))


@pytest.fixture
def cutouts(people):
    return read_cutouts(people)


def test_boxes_and_joints_move_with_the_cut(people, cutouts, tmp_path):
    import cv2

    shift = people.boxes[0, :2] - cutouts.boxes[0, :2]
    assert cutouts.boxes[0, 2:] == pytest.approx(people.boxes[0, 2:])
    assert cutouts.xy[0] + shift == pytest.approx(people.xy[0])
    x, y = shift.astype(int)
    cut = cutouts.pictures[0]
    whole = cv2.imread(str(people.paths[0]))
    assert (whole[y : y + cut.shape[0], x : x + cut.shape[1]] == cut).all()


def test_large_pictures_are_made_smaller(people, tmp_path):
    import cv2

    large = tmp_path / "large.png"
    cv2.imwrite(str(large), cv2.resize(cv2.imread(str(people.paths[0])), None, fx=8, fy=8))
    one = dataclasses.replace(people.take([0]), paths=(large,), boxes=8 * people.boxes[:1], xy=8 * people.xy[:1])
    cut = read_cutouts(one)
    assert max(cut.pictures[0].shape) == LONGEST
    assert (np.nanmax(cut.xy, axis=(0, 1)) < cut.pictures[0].shape[1::-1]).all()
    assert cut.boxes[0, 2] / cut.boxes[0, 3] == pytest.approx(one.boxes[0, 2] / one.boxes[0, 3])


def test_the_outline_holds_the_limbs_and_nothing_far_from_them(cutouts):
    picture = np.pad(cutouts.pictures[0], ((60, 60), (60, 60), (0, 0)), mode="edge")
    mask = body_mask(picture, cutouts.xy[0] + 60)
    joints = cutouts.xy[0].round().astype(int) + 60
    assert np.median(mask[joints[:, 1], joints[:, 0]]) > 200
    assert max(mask[:, :30].max(), mask[:, -30:].max(), mask[:30].max(), mask[-30:].max()) == 0


def test_too_few_joints_give_no_outline(cutouts):
    xy = cutouts.xy[0].copy()
    xy[:8] = np.nan
    assert body_mask(cutouts.pictures[0], xy) is None


def test_a_person_taken_out_leaves_what_is_around_it():
    picture = np.full((90, 70, 3), (40, 90, 160), np.uint8)
    mask = np.zeros((90, 70), np.uint8)
    mask[20:70, 20:50] = 255
    picture[mask > 0] = (255, 255, 0)
    assert abs(filled(picture, mask).astype(int) - (40, 90, 160)).max() <= 2


def test_a_patch_over_the_edge_is_pasted_in_part():
    out = np.zeros((10, 12, 3), np.uint8)
    cover = paste(out, np.full((6, 6, 3), 200, np.uint8), np.full((6, 6), 255, np.uint8), (-2, 7))
    assert (cover > 0).sum() == 4 * 3
    assert (out[7:, :4] == 200).all()
    assert out.sum() == 200 * 3 * 12
    assert not paste(out, np.zeros((3, 3, 3), np.uint8), np.full((3, 3), 255, np.uint8), (40, 40)).any()


def test_the_box_of_a_scene_is_where_its_person_was_pasted(cutouts):
    """Where the same scene with nobody in it differs, there the box is."""
    for seed in range(8):
        scene = make_scene(cutouts, (160, 128), np.random.default_rng(seed), PLAIN)
        empty = make_scenery(cutouts, (160, 128), np.random.default_rng(seed))
        changed = (abs(scene.picture.astype(int) - empty).max(-1) > 12).nonzero()
        if not len(scene.boxes) or len(changed[0]) < 20:
            continue
        left, top, width, height = scene.boxes[0]
        x, y = np.median(changed[1]), np.median(changed[0])
        assert left <= x <= left + width
        assert top <= y <= top + height
        inside = (changed[1] >= left - 4) & (changed[1] <= left + width + 4)
        assert inside.mean() > 0.8


def test_scenes_are_the_same_for_the_same_seed_and_boxes_lie_in_the_picture(cutouts):
    for seed in range(10):
        first, again = (make_scene(cutouts, (128, 160), np.random.default_rng(seed)) for _ in range(2))
        assert (first.picture == again.picture).all()
        assert first.picture.shape == (160, 128, 3)
        for boxes in (first.boxes, first.ignored):
            assert (boxes[:, :2] >= -0.5).all()
            assert (boxes[:, :2] + boxes[:, 2:] <= np.array([127.5, 159.5]) + 1e-9).all()


def test_joints_go_with_their_person_and_lie_in_the_box(cutouts):
    shown = 0
    for seed in range(30):
        scene = make_scene(cutouts, (128, 160), np.random.default_rng(seed))
        assert scene.joints.shape == (len(scene.boxes), 17, 2)
        for xy, box in zip(scene.joints, scene.boxes, strict=True):
            seen = np.isfinite(xy).all(-1)
            shown += int(seen.sum())
            assert (xy[seen] >= box[:2]).all()
            assert (xy[seen] <= box[:2] + box[2:]).all()
    assert shown > 300


def test_a_mirrored_person_has_left_and_right_exchanged(cutouts):
    """Whoever is seen from the front has the left shoulder at the right, mirrored or not."""
    plain = dataclasses.replace(PLAIN, heights=(0.8, 0.9), visible=0.9)
    side = np.sign(cutouts.xy[:, 5, 0] - cutouts.xy[:, 6, 0])
    assert (side == side[0]).all()
    for seed in range(20):
        for xy in make_scene(cutouts, (160, 160), np.random.default_rng(seed), plain).joints:
            if np.isfinite(xy[[5, 6]]).all():
                assert np.sign(xy[5, 0] - xy[6, 0]) == side[0]


def test_bars_are_plain_and_hold_nobody(cutouts):
    settings = dataclasses.replace(PLAIN, bars=1.0, visible=0.1, heights=(0.5, 0.9))
    for seed in range(10):
        scene = make_scene(cutouts, (128, 160), np.random.default_rng(seed), settings)
        plain = (scene.picture == scene.picture[:, :, :1]).all(-1)
        bars = [plain.all(1) & (np.ptp(scene.picture[..., 0], axis=1) == 0)]
        bars += [plain.all(0) & (np.ptp(scene.picture[..., 0], axis=0) == 0)]
        assert max(bar.sum() for bar in bars) >= 2
        for left, top, width, height in scene.boxes:
            rows, columns = (np.arange(len(bar))[bar] for bar in bars)
            assert not ((rows > top) & (rows < top + height)).any()
            assert not ((columns > left) & (columns < left + width)).any()


def test_another_joint_set_and_a_broken_picture_are_refused(people, tmp_path):
    with pytest.raises(InputError, match="labelled in h36m_17"):
        read_cutouts(dataclasses.replace(people, skeleton=SKELETONS["h36m_17"]))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.jpg is not a picture"):
        read_cutouts(dataclasses.replace(people.take([0]), paths=(broken,)))
