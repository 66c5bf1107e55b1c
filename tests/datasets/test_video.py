import struct
import subprocess
import sys

import pytest

from lift3d.calib import InputError
from lift3d.datasets.video import VideoInfo, probe


@pytest.fixture
def video(tmp_path, write_video):
    """A short mp4: 12 frames of 64x48 at 25 fps."""
    return write_video(tmp_path / "v1.mp4", size=(64, 48), frames=12)


def test_size_rate_and_length_are_what_was_written(video):
    assert probe(video) == VideoInfo(size=(64, 48), fps=25.0, frames=12, rotation=0)


def test_a_quarter_turn_in_the_header_turns_the_size(video):
    data = video.read_bytes()
    upright, one = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30), 65536
    at = data.index(upright, data.index(b"tkhd"))
    turned = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    video.write_bytes(data[:at] + turned + data[at + len(turned) :])
    info = probe(video)
    assert (info.size, info.rotation) == ((48, 64), 90)


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_a_damaged_file_is_named(video, kept):
    data = video.read_bytes()
    video.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(InputError, match=r"v1\.mp4 cannot be decoded \(\d+ bytes\)"):
        probe(video)


def test_the_decoder_prints_nothing_about_a_damaged_file(video):
    video.write_bytes(video.read_bytes()[:100])
    code = f"""
from lift3d.datasets.video import probe
try:
    probe({str(video)!r})
except ValueError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4 does not exist"):
        probe(tmp_path / "gone.mp4")


def test_the_real_letterboxed_video_is_8_pixels_narrower_than_the_others(shared):
    folder = shared / "captures" / "balance" / "videos"
    sizes = [probe(folder / f"cam0{n}.mp4").size for n in (1, 3)]
    assert sizes == [(1080, 1920), (1088, 1920)]
