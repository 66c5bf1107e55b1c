import json
import struct
from dataclasses import replace

import cv2
import h5py
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.keypoint_formats import load_keypoints, read_provenance
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detect import DetectConfig, detect_videos
from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.pipeline import TopDown

COCO = SKELETONS["coco_17"]
SHAPE = np.random.default_rng(1).uniform(0.1, 0.9, (17, 2))


class FakeDetector:
    """Finds one person, the bright box, wherever a picture has one; counts what it was shown."""

    name = "fake"
    skeleton = COCO

    def __init__(self, stop_after=None):
        self.settings = {"answer": 42}
        self.shown = 0
        self.stop_after = stop_after

    def detect(self, pictures, *, in_sequence=True):
        self.in_sequence = in_sequence
        for picture in pictures:
            if self.shown == self.stop_after:
                raise KeyboardInterrupt
            self.shown += 1
            yield Detection.none(17) if picture is None else self.one(picture)

    def one(self, picture):
        rows, columns = np.nonzero(picture[..., 0] > 128)
        if len(rows) < 20:
            return Detection.none(17)
        low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()])
        xy = low + SHAPE * (high - low)
        box = np.concatenate([low, high - low])[None].astype(float)
        return Detection(xy[None], np.full((1, 17), 0.8), Boxes(box, np.array([0.9])))


def frame(left, size=(320, 240)):
    picture = np.full((size[1], size[0], 3), 20, np.uint8)
    if left is not None:
        picture[60:180, left : left + 60] = 230
    return picture


@pytest.fixture
def video(tmp_path):
    """A function that writes a video of a box that moves 4 pixels a frame."""

    def write(name="cam1.mp4", frames=25, codec="mp4v"):
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25.0, (320, 240))
        for number in range(frames):
            writer.write(frame(10 + 4 * number))
        writer.release()
        return path

    return write


def test_cameras_are_put_into_one_file_that_reads_as_any_other(video, tmp_path):
    sources = {"a": video("a.mp4", 25), "b": video("b.mp4", 20)}
    calls = []
    result = detect_videos(sources, tmp_path / "k.h5", FakeDetector(), progress=lambda *call: calls.append(call))
    read = load_keypoints(result.file)
    assert read.keypoints.shape == (25, 2, 1, 17)
    assert (read.keypoints.cameras, read.keypoints.fps) == (("a", "b"), 25.0)
    assert [(span.first, span.last, span.count) for span in read.spans.values()] == [(0, 24, 25), (0, 19, 20)]
    where = 10 + 4 * np.arange(25)[:, None] + SHAPE[:, 0] * 59
    assert np.abs(read.keypoints.xy[:, 0, 0, :, 0] - where).max() < 2  # the codec blurs the box's edges
    assert not read.keypoints.confidence[20:, 1].any()
    assert calls[-1] == ("finding people in b", 20, 20)
    assert [(camera.frames, camera.with_people, camera.most_people) for camera in result.cameras] == [
        (25, 25, 1),
        (20, 20, 1),
    ]
    summary = json.loads(json.dumps(result.summary()))
    assert (summary["frames"], summary["people"], summary["joints_found_percent"]) == (45, 1, 100.0)
    assert not list(tmp_path.glob(".k.h5*"))


def test_the_file_tells_how_it_was_made(video, tmp_path):
    path = video()
    detect_videos({"cam1": path}, tmp_path / "k.h5", FakeDetector())
    told = read_provenance(tmp_path / "k.h5")
    assert (told["detector"], told["settings"]) == ("fake", {"answer": 42})
    assert told["cameras"]["cam1"]["size"] == [320, 240]
    assert len(told["cameras"]["cam1"]["sampled_sha256"]) == 64
    with h5py.File(tmp_path / "k.h5") as file:
        assert file["keypoints/boxes"].shape == (25, 1, 1, 4)


@pytest.mark.parametrize("stop", [4, 10, 25, 31])
def test_a_run_that_was_stopped_goes_on_after_its_last_block_and_gives_the_same(video, tmp_path, stop):
    sources = {"a": video("a.mp4", 25), "b": video("b.mp4", 20)}
    config = DetectConfig(block=5)
    whole = detect_videos(sources, tmp_path / "whole.h5", FakeDetector(), config=config)
    with pytest.raises(KeyboardInterrupt):
        detect_videos(sources, tmp_path / "k.h5", FakeDetector(stop_after=stop), config=config)
    assert not (tmp_path / "k.h5").exists()
    again = FakeDetector()
    result = detect_videos(sources, tmp_path / "k.h5", again, config=config)
    done = stop // 5 * 5 if stop < 25 else 25 + (stop - 25) // 5 * 5
    assert result.resumed == done
    assert again.shown == 45 - done
    assert np.array_equal(result.keypoints.xy, whole.keypoints.xy, equal_nan=True)
    assert np.array_equal(result.keypoints.confidence, whole.keypoints.confidence)


def test_another_detector_or_another_video_begins_anew(video, tmp_path):
    path = video()
    config = DetectConfig(block=5)
    for change in ("detector", "video"):
        with pytest.raises(KeyboardInterrupt):
            detect_videos({"a": path}, tmp_path / f"{change}.h5", FakeDetector(stop_after=12), config=config)
        detector = FakeDetector()
        if change == "detector":
            detector.settings = {"answer": 43}
        else:
            path = video(frames=24)
        result = detect_videos({"a": path}, tmp_path / f"{change}.h5", detector, config=config)
        assert (result.resumed, detector.shown) == (0, result.cameras[0].frames)


def test_a_block_that_is_damaged_is_made_again(video, tmp_path):
    path, config = video(), DetectConfig(block=5)
    with pytest.raises(KeyboardInterrupt):
        detect_videos({"a": path}, tmp_path / "k.h5", FakeDetector(stop_after=22), config=config)
    parts = sorted(tmp_path.glob(".k.h5.parts/*.npz"))
    assert len(parts) == 4
    parts[1].write_bytes(parts[1].read_bytes()[:100])
    assert detect_videos({"a": path}, tmp_path / "k.h5", FakeDetector(), config=config).resumed == 5


def test_damaged_pictures_are_nan_and_counted_and_good_ones_kept(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"p{number}.jpg"), frame(10 + 20 * number))
    cut = folder / "p2.jpg"
    cut.write_bytes(cut.read_bytes()[:-300])
    detector = FakeDetector()
    result = detect_videos({"pictures": folder}, tmp_path / "k.h5", detector)
    assert result.cameras[0].bad == (2,)
    assert result.keypoints.confidence[:, 0, 0].any(1).tolist() == [True, True, False, True, True, True]
    assert result.summary()["notes"] == ["pictures: 1 of 6 pictures cannot be decoded and count as not seen: 2"]
    assert detector.in_sequence is False
    assert result.keypoints.fps is None


def test_what_is_left_of_a_truncated_video_is_kept_and_the_loss_said(video, tmp_path):
    path = video("cut.avi", 40, "MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    result = detect_videos({"a": path}, tmp_path / "k.h5", FakeDetector())
    frames = result.cameras[0].frames
    assert 15 <= frames <= 22
    assert result.summary()["notes"] == [
        f"a: the header tells of 40 pictures, {frames} are there; the file may be cut short"
    ]


def test_a_turn_in_the_header_is_applied_and_said(video, tmp_path):
    path = video()
    data = path.read_bytes()
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    at = data.index(upright, data.index(b"tkhd"))
    turned = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data[:at] + turned + data[at + 36 :])
    result = detect_videos({"a": path}, tmp_path / "k.h5", FakeDetector())
    assert result.summary()["notes"] == ["a: turned by 90 degrees, as its header asks"]
    # Clockwise: the box, which moves to the right at rows 60-180 of 240, moves down at columns 60-180 from the right.
    middle = np.nanmean(result.keypoints.xy[:, 0, 0], axis=1)
    assert np.allclose(middle[-1] - middle[0], (0, 96), atol=1.5)
    assert read_provenance(result.file)["cameras"]["a"]["size"] == [240, 320]


class JointsInBox:
    skeleton = COCO

    def __call__(self, pictures, boxes):
        return [
            Detection(own.xywh[:, None, :2] + SHAPE * own.xywh[:, None, 2:], np.full((len(own), 17), 0.7), own)
            for own in boxes
        ]


def test_given_boxes_take_the_person_detectors_place(video, tmp_path):
    lines = [f"{t},{person},{10 + 50 * person},60,40,100" for t in range(0, 25, 2) for person in (2, 1)]
    (tmp_path / "b.csv").write_text("\n".join(["frame,id,x,y,w,h", *lines, "3,1,400,10,20,20"]))
    config = DetectConfig(boxes=tmp_path / "b.csv", block=7)
    detector = TopDown(None, JointsInBox(), name="given")
    result = detect_videos({"a": video()}, tmp_path / "k.h5", detector, config=config)
    seen = result.keypoints.confidence[:, 0].any(-1)
    assert seen.tolist() == [[t % 2 == 0] * 2 for t in range(25)]
    assert np.allclose(result.keypoints.xy[4, 0, 0], (60, 60) + SHAPE * (40, 100))
    assert result.summary()["notes"] == ["a: boxes outside of the picture, left out: 1"]


def test_boxes_for_several_cameras_stand_in_a_folder(video, tmp_path):
    sources = {"a": video("a.mp4"), "b": video("b.mp4")}
    detector, folder = TopDown(None, JointsInBox()), tmp_path / "boxes"
    folder.mkdir()
    (folder / "a.csv").write_text("0,1,10,60,40,100\n")
    with pytest.raises(InputError, match=r"one file of boxes for several cameras; give a folder"):
        detect_videos(sources, tmp_path / "k.h5", detector, config=DetectConfig(boxes=folder / "a.csv"))
    with pytest.raises(FileNotFoundError, match=r"holds no boxes of b; wanted b\.csv or b\.json"):
        detect_videos(sources, tmp_path / "k.h5", detector, config=DetectConfig(boxes=folder))
    (folder / "b.json").write_text('[{"image_id": 3, "bbox": [1, 2, 30, 40]}]')
    result = detect_videos(sources, tmp_path / "k.h5", detector, config=DetectConfig(boxes=folder))
    assert [camera.with_people for camera in result.cameras] == [1, 1]
    with pytest.raises(InputError, match="finds people itself and takes no boxes"):
        detect_videos(sources, tmp_path / "l.h5", FakeDetector(), config=DetectConfig(boxes=folder))


def test_bad_input_is_refused_before_any_work(video, tmp_path):
    path = video()
    with pytest.raises(InputError, match="no video and no pictures were given"):
        detect_videos({}, tmp_path / "k.h5", FakeDetector())
    with pytest.raises(InputError, match="people and block must be 1 or more"):
        DetectConfig(people=0)
    (tmp_path / "k.h5").write_text("mine")
    with pytest.raises(FileExistsError, match="give --overwrite"):
        detect_videos({"a": path}, tmp_path / "k.h5", FakeDetector())
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="not one of its 1 pictures can be decoded"):
        detect_videos({"a": tmp_path / "bad"}, tmp_path / "l.h5", FakeDetector())


def test_nobody_in_any_picture_is_a_file_all_the_same(tmp_path):
    cv2.imwrite(str(tmp_path / "p.png"), frame(None))
    result = detect_videos({"p": tmp_path / "p.png"}, tmp_path / "k.h5", FakeDetector())
    assert result.summary()["people"] == 0
    assert result.summary()["joints_found_percent"] is None
    assert replace(result.keypoints).shape == (1, 1, 1, 17)
