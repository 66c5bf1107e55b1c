import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.pose_formats import POSE_FORMATS, export_poses, read_trc
from lift3d.datasets.skeleton import SKELETONS


def people(count):
    xyz = np.arange(count)[None, :, None, None] + np.zeros((3, count, 17, 3))
    return Poses.from_xyz(xyz, SKELETONS["coco_17"], 30.0)


def test_one_person_takes_the_plain_name(tmp_path):
    assert export_poses(people(1), tmp_path / "a.trc", "trc") == [tmp_path / "a.trc"]
    assert POSE_FORMATS["trc"].suffix == ".trc"


def test_several_people_take_a_file_each(tmp_path):
    written = export_poses(people(3), tmp_path / "a.trc", "trc", unit="mm")
    assert [path.name for path in written] == ["a_P1.trc", "a_P2.trc", "a_P3.trc"]
    for person, path in enumerate(written):
        poses = read_trc(path)
        assert (poses.xyz == person).all()
        assert poses.settings["trc"]["unit"] == "mm"


def test_one_file_in_the_way_stops_all(tmp_path):
    (tmp_path / "a_P2.trc").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a_P2\.trc exists; give --overwrite"):
        export_poses(people(3), tmp_path / "a.trc", "trc")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a_P2.trc"]
    assert len(export_poses(people(3), tmp_path / "a.trc", "trc", overwrite=True)) == 3


def test_unknown_formats_and_empty_poses_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no pose format 'fbx'; there are trc"):
        export_poses(people(1), tmp_path / "a.fbx", "fbx")
    with pytest.raises(InputError, match="the poses hold nobody"):
        export_poses(people(0), tmp_path / "a.trc", "trc")
