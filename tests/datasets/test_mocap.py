"""Motion capture: its file, its units, and splits that keep test subjects out of training."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from lift3d.calib import InputError, Rig
from lift3d.datasets.mocap import Clip, of_subjects, read_mocap, split_subjects, subjects_of, write_mocap
from lift3d.datasets.synthetic import ring_rig


def clip(mocap_body, subject, name=None, frames=4):
    xyz = np.repeat(mocap_body[None], frames, 0).astype(np.float32)
    return Clip(name or f"{subject}_01", xyz, 30.0, subject, action="walk", licence="free")


def test_what_is_written_is_read(tmp_path, mocap_body):
    path = write_mocap(tmp_path / "m.h5", [clip(mocap_body, "b"), clip(mocap_body, "a")])
    first, second = read_mocap(path)
    assert (first.subject, second.subject, first.action, first.licence, first.fps) == ("a", "b", "walk", "free", 30.0)
    np.testing.assert_allclose(first.xyz[0], mocap_body, atol=1e-6)


def test_millimetres_named_metres_are_found_by_the_thighs(tmp_path, mocap_body):
    path = write_mocap(tmp_path / "m.h5", [clip(mocap_body * 1000, "a")])
    with pytest.raises(InputError, match=r"thighs of 4\d\d m, .*check the unit"):
        read_mocap(path)


def test_millimetres_named_so_are_read(tmp_path, mocap_body):
    path = write_mocap(tmp_path / "m.h5", [clip(mocap_body * 1000, "a")])
    with h5py.File(path, "a") as file:
        file.attrs["unit"] = "mm"
    np.testing.assert_allclose(read_mocap(path)[0].xyz[0], mocap_body, atol=1e-4)


def test_a_file_without_a_unit_is_refused(tmp_path, mocap_body):
    path = write_mocap(tmp_path / "m.h5", [clip(mocap_body, "a")])
    with h5py.File(path, "a") as file:
        del file.attrs["unit"]
    with pytest.raises(InputError, match="attribute unit is None, wanted one of mm, cm, m"):
        read_mocap(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :16], r"joints \[4, 16, 3\], wanted \[T, 17, 3\]"),
        (lambda x: x * np.nan, "not finite"),
        (lambda x: x[:0], "is empty"),
    ],
)
def test_broken_clips_are_named(tmp_path, mocap_body, change, message):
    whole = clip(mocap_body, "a")
    path = write_mocap(tmp_path / "m.h5", [Clip("bad", change(whole.xyz), 30.0, "a")])
    with pytest.raises(InputError, match=message):
        read_mocap(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"docs/lifter\.md says"):
        read_mocap(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputError, match="no motion capture file"):
        read_mocap(tmp_path / "text.h5")


def test_split_leaves_nobody_on_two_sides(mocap_body):
    clips = [clip(mocap_body, name) for name in ("a", "b", "c", "d", "cmux-walk")]
    split = split_subjects(clips, ["a"], ["b"])
    assert split.train == ("c", "cmux-walk", "d")
    assert subjects_of(of_subjects(clips, split.test)) == ("a",)
    assert split.protocol == "test a; selected on b; 3 subjects trained"


@pytest.mark.parametrize(
    ("test", "select", "message"),
    [
        (["z"], ["b"], "no subject z; there are a, b, cmux-walk"),
        (["a"], ["a"], "both select and test"),
        (["cmux-walk"], ["b"], "nobody knows who cmux-walk is"),
        ([], ["b"], "split is empty: 2 subjects to train on, 1 to select, 0 to test"),
    ],
)
def test_impossible_splits_are_refused(mocap_body, test, select, message):
    with pytest.raises(InputError, match=message):
        split_subjects([clip(mocap_body, name) for name in ("a", "b", "cmux-walk")], test, select)


def test_the_real_file_reads(shared):
    path = shared / "mocap/mocap_h36m17.h5"
    if not path.is_file():
        pytest.skip("no real mocap")
    clips = read_mocap(path)
    assert len(clips) == 253
    assert sum(len(c.xyz) for c in clips) == 94904
    assert all(c.licence for c in clips)


def test_cameras_are_kept_with_their_clips(tmp_path, mocap_body):
    rig = ring_rig(3)
    path = write_mocap(tmp_path / "m.h5", [replace(clip(mocap_body, "a"), rig=rig), clip(mocap_body, "b")])
    filmed, unfilmed = read_mocap(path)
    assert unfilmed.rig is None
    assert filmed.rig.names == rig.names
    assert filmed.rig[1].size == rig[1].size
    np.testing.assert_allclose(filmed.rig.project(mocap_body), rig.project(mocap_body), atol=1e-9)


def test_fisheye_cameras_are_refused(tmp_path, mocap_body):
    fisheye = replace(ring_rig(1)[0], dist=np.zeros(4), model="fisheye")
    with pytest.raises(InputError, match="fisheye lens, which this file cannot hold"):
        write_mocap(tmp_path / "m.h5", [replace(clip(mocap_body, "a"), rig=Rig((fisheye,)))])
