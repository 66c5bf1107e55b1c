"""Human3.6M as VideoPose3D, mmpose, 3d-pose-baseline, h36m-fetch and its own CDFs lay it out."""

import pickle

import h5py
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.human36m import CAMERAS as NAMES
from lift3d.datasets.human36m import OF_32, read_h36m_cameras
from lift3d.datasets.mocap_formats import Sources, read_recordings


@pytest.fixture
def cameras(metadata):
    return Sources(cameras=read_h36m_cameras(metadata))


def objects(value):
    """As np.savez stores anything that is no array: an object array without axes."""
    out = np.empty((), dtype=object)
    out[()] = value
    return out


@pytest.fixture
def videopose(tmp_path, motion32):
    path = tmp_path / "data_3d_h36m.npz"
    positions = {"S1": {"Directions 1": motion32.astype("f4"), "TakingPhoto": motion32.astype("f4")},
                 "S9": {"WalkDog": motion32.astype("f4")}}  # fmt: skip
    np.savez_compressed(path, positions_3d=objects(positions))
    return path


def keypoints(path, studio, motion, *, noise=0.0, shift=0.0, **how):
    """VideoPose3D's 2D file: one frame longer than the poses, as the real ones may be."""
    rng = np.random.default_rng(0)

    def views(subject):
        seen = [studio.project(motion, view, subject, **how) for view in range(4)]
        seen = [np.concatenate([xy, xy[-1:]]) + shift for xy in seen]
        return [(xy + noise * rng.standard_normal(xy.shape)).astype("f4") for xy in seen]

    positions = {"S1": {"Directions 1": views(1), "Photo": views(1)}, "S9": {"WalkDog": views(9)}}
    metadata = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3]]}
    np.savez_compressed(path, positions_2d=objects(positions), metadata=objects(metadata))
    return path


def check(clips, motion, **expected):
    """One clip is this motion and says so."""
    (clip,) = [clip for clip in clips if clip.name == expected["name"]]
    np.testing.assert_allclose(clip.xyz, motion, atol=2e-6)
    for key, value in expected.items():
        assert getattr(clip, key) == value
    return clip


def test_videopose3d_is_read_with_its_names(videopose, motion, cameras):
    found = read_recordings(videopose, cameras)
    assert [clip.name for clip in found.clips] == ["S1_Directions_1", "S1_Photo_0", "S9_WalkDog_0"]
    clip = check(found.clips, motion, name="S1_Directions_1", subject="S1", action="Directions", trial="1", fps=50.0)
    assert clip.rig.names == NAMES


def test_videopose3d_needs_no_cameras(videopose):
    assert read_recordings(videopose).clips[0].rig is None


def test_the_lens_is_proven_by_the_2d(videopose, cameras, studio, motion, tmp_path):
    truth = keypoints(tmp_path / "data_2d_h36m_gt.npz", studio, motion)
    (note,) = read_recordings(videopose, Sources(cameras.cameras, truth)).notes
    assert "3 actions reproject by Human3.6M's own lens model" in note
    assert float(note.split()[-3]) < 0.01  # pixels


def test_videopose3ds_own_lens_is_told_apart(videopose, cameras, studio, motion, tmp_path):
    truth = keypoints(tmp_path / "data_2d_h36m_gt.npz", studio, motion, exchanged=True)
    (note,) = read_recordings(videopose, Sources(cameras.cameras, truth)).notes
    assert "by VideoPose3D's lens model, with tangential terms exchanged" in note


def test_a_detectors_2d_is_called_so(videopose, cameras, studio, motion, tmp_path):
    seen = keypoints(tmp_path / "data_2d_h36m_cpn.npz", studio, motion, noise=4.0)
    (note,) = read_recordings(videopose, Sources(cameras.cameras, seen)).notes
    assert "a detector's 2D, 4." in note or "a detector's 2D, 5." in note


def test_2d_of_other_poses_is_refused(videopose, cameras, studio, motion, tmp_path):
    other = keypoints(tmp_path / "data_2d_h36m_gt.npz", studio, motion, shift=300.0)
    with pytest.raises(InputError, match=r"its 2D lies 4.. px in the median .* belongs to other poses"):
        read_recordings(videopose, Sources(cameras.cameras, other))


def test_2d_without_cameras_is_refused(videopose, studio, motion, tmp_path):
    truth = keypoints(tmp_path / "data_2d_h36m_gt.npz", studio, motion)
    with pytest.raises(InputError, match=r"give --cameras metadata\.xml"):
        read_recordings(videopose, Sources(keypoints=truth))


class Evil:
    def __reduce__(self):
        return eval, ("open('broken_in', 'w')",)


def test_a_hostile_npz_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=objects({"S1": Evil()}))
    with pytest.raises(InputError, match=r"positions_3d\.npy is not a pickle of plain arrays \(it asks for .*eval\)"):
        read_recordings(tmp_path / "data_3d_h36m.npz")
    assert not (tmp_path / "broken_in").exists()


def test_millimetres_named_metres_are_refused(tmp_path, motion32):
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=objects({"S1": {"Walking": 1000 * motion32}}))
    with pytest.raises(InputError, match=r"thighs of 4.. m"):
        read_recordings(tmp_path / "data_3d_h36m.npz")


def test_pose_baselines_h5_is_read(tmp_path, motion, motion32, cameras):
    folder = tmp_path / "h36m" / "S9" / "MyPoses" / "3D_positions"
    folder.mkdir(parents=True)
    with h5py.File(folder / "WalkingDog 1.h5", "w") as file:
        file["3D_positions"] = 1000 * motion32.reshape(len(motion32), 96).T
    found = read_recordings(tmp_path / "h36m", cameras)
    check(found.clips, motion, name="S9_WalkDog_1", subject="S9", action="WalkDog", fps=50.0)


def test_official_cdfs_are_read(tmp_path, motion, motion32):
    cdfwrite = pytest.importorskip("cdflib.cdfwrite", reason="lift3d[h36m] is not installed")
    folder = tmp_path / "S5" / "MyPoseFeatures" / "D3_Positions"
    folder.mkdir(parents=True)
    spec = {"Majority": "row_major", "Encoding": 6, "Checksum": False, "rDim_sizes": [], "Compressed": 0}
    with cdfwrite.CDF(folder / "Eating 2.cdf", cdf_spec=spec) as file:
        data = 1000 * motion32.reshape(1, len(motion32), 96).astype("f4")
        variable = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Compress": 0,
                    "Var_Type": "zVariable", "Dim_Sizes": list(data.shape[1:])}  # fmt: skip
        file.write_var(variable, var_data=data)
    found = read_recordings(tmp_path)
    check(found.clips, motion, name="S5_Eating_2", subject="S5", trial="2")


def fetched(folder, studio, motion32, *, native):
    """h36m-fetch's annot.h5 of two cameras, every fifth frame."""
    folder.mkdir(parents=True)
    cameras = [(0, NAMES[0]), (2, NAMES[2])]
    x_cam = np.concatenate([1000 * studio.to_camera(motion32, view, 6) for view, _ in cameras])
    with h5py.File(folder / "annot.h5", "w") as file:
        file["pose/3d-univ"] = 1.05 * x_cam
        if native:
            file["pose/3d"] = x_cam
        file["pose/2d"] = np.concatenate([studio.project(motion32, view, 6) for view, _ in cameras])
        file["camera"] = np.repeat([int(name) for _, name in cameras], len(motion32))
        file["frame"] = np.tile(1 + 5 * np.arange(len(motion32)), 2)
        for _, name in cameras:
            file[f"intrinsics/{name}"] = [1145.3, 512.5, 1143.7, 515.4]


def test_h36m_fetch_is_brought_into_the_world_and_proven(tmp_path, studio, motion, motion32, cameras):
    fetched(tmp_path / "S6" / "WalkDog-2", studio, motion32, native=True)
    found = read_recordings(tmp_path, cameras)
    check(found.clips, motion, name="S6_WalkDog_2", subject="S6", action="WalkDog", fps=10.0, skeleton="native")
    assert "at most 0.000 px off" in found.notes[0]


def test_the_universal_skeleton_is_called_so(tmp_path, studio, motion32, cameras):
    fetched(tmp_path / "S6" / "Waiting-1", studio, motion32, native=False)
    found = read_recordings(tmp_path, cameras)
    assert found.clips[0].skeleton == "universal"
    assert "universal skeleton" in found.notes[0]


def test_camera_frames_without_cameras_are_refused(tmp_path, studio, motion32):
    fetched(tmp_path / "S6" / "Waiting-1", studio, motion32, native=True)
    with pytest.raises(InputError, match=r"poses in camera frames; give --cameras metadata\.xml"):
        read_recordings(tmp_path)


def mmpose(path, studio, motion):
    names, poses, parts = [], [], []
    for view in (1, 3):
        for t in (2, 0, 1):  # rows need not be in order
            names.append(f"S8_Sitting_1.{NAMES[view]}_{5 * t + 1:06d}.jpg")
            poses.append(np.c_[studio.to_camera(motion[t], view, 8), np.ones(17)])
            parts.append(np.c_[studio.project(motion[t], view, 8), np.ones(17)])
    values = {"center": np.zeros((6, 2)), "scale": np.ones(6), "S": np.array(poses), "part": np.array(parts)}
    np.savez(path, imgname=np.array(names), **values)
    return path


def test_mmpose_is_read_from_one_camera_in_order(tmp_path, studio, motion, cameras):
    found = read_recordings(mmpose(tmp_path / "h36m_train.npz", studio, motion), cameras)
    check(found.clips, motion[:3], name="S8_Sitting_1", subject="S8", action="Sitting", fps=10.0)
    assert "at most 0.000 px off" in found.notes[0]


def test_mmposes_own_cameras_do_as_well(tmp_path, studio, motion):
    table = {
        ("S8", name): {"R": studio.R[v, 7].T, "T": studio.center[v, 7][:, None] / 1000,
                       "f": np.array([[1145.3], [1143.7]]),
                       "c": np.array([[512.5], [515.4]]), "k": np.array([[-0.207], [0.247], [-0.0031]]),
                       "p": np.array([[-0.00098], [-0.00142]]), "w": 1000, "h": 1002, "name": name, "id": name}
        for v, name in enumerate(NAMES)
    }  # fmt: skip
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps(table))
    sources = Sources(cameras=read_h36m_cameras(tmp_path / "cameras.pkl"))
    found = read_recordings(mmpose(tmp_path / "h36m_train.npz", studio, motion), sources)
    check(found.clips, motion[:3], name="S8_Sitting_1")


def test_a_subject_that_the_cameras_lack_is_named(videopose, cameras):
    only = {"S1": cameras.cameras["S1"]}
    with pytest.raises(InputError, match="the cameras know no subject S9; there are S1"):
        read_recordings(videopose, Sources(cameras=only))


def test_the_17_of_the_32_joints_are_the_usual_ones():
    left_out = [4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31]
    assert sorted([*OF_32, *left_out]) == list(range(32))
