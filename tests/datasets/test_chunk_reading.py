"""Reading by threads gives what HDF5 itself reads."""

import h5py
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets import chunk_reading as module
from lift3d.datasets.chunk_reading import read_array, whole_frames
from lift3d.datasets.poses import is_result
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def threaded(monkeypatch):
    monkeypatch.setattr(module, "WORTH", 0)


@pytest.mark.parametrize("chunks", [(7, 4, 3), (5, 2, 2), None], ids=["whole frames", "parts of frames", "no chunks"])
@pytest.mark.parametrize("kind", ["f4", "u1", "?", ">f8"])
def test_all_values_come_whatever_the_chunks(threaded, tmp_path, rng, chunks, kind):
    values = (9 * rng.random((23, 4, 3))).astype(kind)
    packing = {"compression": "gzip", "shuffle": True, "chunks": chunks} if chunks else {}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=values, **packing)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        read, wide = read_array(file["a"]), read_array(file["a"], np.float64)
    assert read.dtype == values.dtype
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(read, values)
    np.testing.assert_array_equal(wide, values.astype(np.float64))


def test_another_packing_is_left_to_hdf5(threaded, tmp_path):
    values = np.arange(60.0).reshape(20, 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("sums", data=values, compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("holes", (20, 3), "f8", compression="gzip", shuffle=True, chunks=(5, 3), fillvalue=7.0)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        np.testing.assert_array_equal(read_array(file["sums"]), values)
        assert (read_array(file["holes"]) == 7).all()


def test_a_chunk_holds_whole_frames():
    assert whole_frames((36_000, 4, 25, 3), 4) == (218, 4, 25, 3)
    assert whole_frames((10, 4), 4) == (10, 4)
    assert whole_frames((10, 40_000, 40), 4) == (1, 40_000, 40)
    assert whole_frames((0, 4), 4) is None
    assert whole_frames((5, 0), 4) is None


def test_a_damaged_result_is_told_in_one_line(threaded, tmp_path, rng):
    poses = Poses.from_xyz(rng.random((50, 2, 17, 3)), SKELETONS["h36m_17"], 30.0)
    path = poses.save(tmp_path / "a.poses.h5")
    assert is_result(path)
    with h5py.File(path, "r") as file:
        info = file["poses/xyz"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    middle = info.byte_offset + info.size // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.poses\.h5 is not a complete lift3d result .*/poses/xyz is damaged"):
        Poses.load(path)


def test_what_is_no_result_is_told_apart(tmp_path):
    (tmp_path / "a.txt").write_text("no")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    assert not any(is_result(tmp_path / name) for name in ("a.txt", "a.h5", "b.h5", "."))
