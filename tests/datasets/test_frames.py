import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.frames import PictureFrames, VideoFrames, open_frames, prefetched, sampled_digest

NOISE = np.random.default_rng(3).integers(0, 255, (40, 240, 320, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """An mp4 of 40 frames of noise, each of which tells its number: row of a bright band."""
    path = tmp_path_factory.mktemp("video") / "noisy.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (320, 240))
    for number, frame in enumerate(NOISE):
        marked = frame // 4
        marked[number * 6 : number * 6 + 6] = 255
        writer.write(marked)
    writer.release()
    return path


def numbers(pictures):
    """The numbers that frames show, None for a gap."""
    return [None if p is None else int(p.mean((1, 2)).reshape(40, 6).mean(1).argmax()) for p in pictures]


def test_frames_come_in_order_from_any_number(noisy):
    source = open_frames(noisy)
    assert isinstance(source, VideoFrames)
    assert (source.count, source.fps) == (40, 25.0)
    assert numbers(source.read()) == list(range(40))
    assert numbers(source.read(17)) == list(range(17, 40))
    assert numbers(source.read(39)) == [39]
    assert numbers(source.read(40)) == []


def test_a_damaged_stretch_becomes_gaps_and_later_frames_keep_their_numbers(noisy, tmp_path):
    data = bytearray(noisy.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    found = numbers(open_frames(path).read())
    gaps = [number for number, shown in enumerate(found) if shown is None]
    assert 2 <= len(gaps) <= 8
    assert len(found) == 40
    assert found[:12] == list(range(12))
    assert found[25:] == list(range(25, 40))  # from the next key frame on; before it the decoder makes things up
    assert numbers(open_frames(path).read(30)) == found[30:]


def test_what_is_left_of_a_truncated_video_is_read(tmp_path):
    path = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (320, 240))
    for frame in NOISE:
        writer.write(frame)
    writer.release()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = open_frames(path)
    read = list(source.read())
    assert source.count == 40
    assert 15 <= len(read) <= 22
    assert all(picture is not None for picture in read)


def test_reading_a_damaged_video_prints_nothing(noisy, tmp_path):
    data = bytearray(noisy.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60_000] = bytes(60_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    code = f"from lift3d.datasets.frames import open_frames; print(len(list(open_frames({str(path)!r}).read())))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("40\n", "")


def test_pictures_come_in_natural_order_and_broken_ones_are_none(tmp_path):
    for name, level in (("p10.png", 10), ("p2.png", 2), ("p1.jpg", 128)):
        cv2.imwrite(str(tmp_path / name), np.full((24, 32, 3), level, np.uint8))
    whole = cv2.imencode(".jpg", NOISE[0])[1].tobytes()
    (tmp_path / "p3.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p4.jpg").write_bytes(b"not a picture")
    (tmp_path / "p5.jpg").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("x")
    source = open_frames(tmp_path)
    assert isinstance(source, PictureFrames)
    assert [path.name for path in source.paths] == ["p1.jpg", "p2.png", "p3.jpg", "p4.jpg", "p5.jpg", "p10.png"]
    levels = [None if picture is None else int(picture.mean().round()) for picture in source.read()]
    assert levels == [128, 2, None, None, None, 10]
    assert [picture is None for picture in source.read(4)] == [True, False]
    assert (source.count, source.fps) == (6, None)


def test_a_jpeg_with_a_thumbnail_in_it_is_cut_short_all_the_same(tmp_path):
    small, whole = (cv2.imencode(".jpg", picture)[1].tobytes() for picture in (NOISE[0][:16, :16], NOISE[0]))
    marker = b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big")
    path = tmp_path / "thumb.jpg"
    path.write_bytes(whole[:2] + marker + small + whole[2:])
    assert [picture is None for picture in open_frames(path).read()] == [False]
    path.write_bytes((whole[:2] + marker + small + whole[2:])[:-5000])
    assert [picture is None for picture in open_frames(path).read()] == [True]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("gone.mp4", FileNotFoundError, "does not exist; wanted a video, a picture or a folder"),
        ("words.txt", InputError, "neither a video nor a picture"),
        ("broken.mp4", InputError, "cannot be decoded"),
        ("empty", InputError, "holds no pictures"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, error, message):
    (tmp_path / "words.txt").write_text("x")
    (tmp_path / "broken.mp4").write_bytes(b"x" * 500)
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        open_frames(tmp_path / name)


def test_the_fingerprint_tells_files_apart(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(bytes(1 << 20))
    b.write_bytes(bytes(1 << 20))
    assert sampled_digest(a) == sampled_digest(b)
    b.write_bytes(bytes((1 << 20) - 1) + b"x")
    assert sampled_digest(a) != sampled_digest(b)


def test_prefetching_gives_the_same_items_and_hands_errors_on():
    def items():
        yield from range(20)
        raise InputError("worn out")

    reading = prefetched(items(), ahead=3)
    assert [next(reading) for _ in range(20)] == list(range(20))
    with pytest.raises(InputError, match="worn out"):
        next(reading)


def test_prefetching_that_is_dropped_ends_its_thread_and_closes_its_items():
    closed = threading.Event()

    def items():
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    reading = prefetched(items(), ahead=2)
    assert next(reading) == 0
    reading.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "lift3d-frames"]
