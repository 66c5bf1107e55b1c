"""Formats of other tools: files as those tools write them, seen by OpenCV, and back again."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.calib import CalibrationError, Rig
from lift3d.calib.formats import FORMATS, detect_format, read_rig, write_rig

K = [[1680.5, 0.0, 533.25], [0.0, 1675.25, 948.5], [0.0, 0.0, 1.0]]
POSES = {"left": ([1.69, 1.05, -0.42], [0.32, 0.96, 2.89]), "right": ([1.35, 1.6, -1.2], [-0.11, 0.78, 3.07])}
POINT = np.array([0.3, -0.2, 1.1])
DIST = [-0.046, 0.14, 6e-4, 7e-4, 0.02]
FISHEYE = [0.1, -0.02, 3e-3, -1e-3]
SIZE = (1088, 1920)
SIZED = {"easymocap", "voxelpose", "panoptic"}
PAIRS = {"easymocap": "extri.yml", "colmap": "images.txt"}
WRITTEN = ("easymocap", "panoptic", "voxelpose", "multical", "colmap")


def rotation(name):
    return cv2.Rodrigues(np.array(POSES[name][0]))[0]


def seen(dist, point=POINT, K=K):
    """Where OpenCV sees the point, [2, 2]."""
    shots = [
        cv2.projectPoints(point.reshape(1, 3), np.array(r), np.array(t), np.array(K), np.array(dist))
        for r, t in POSES.values()
    ]
    return np.array([shot[0].ravel() for shot in shots])


def opencv_matrix(name, values):
    values = np.atleast_2d(values)
    data = ", ".join(f"{v:.17g}" for v in values.ravel())
    rows, columns = values.shape
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   data: [ {data} ]\n"


@pytest.fixture
def files(tmp_path):
    """A function: a format's name to the path of a hand-made file of the two cameras."""

    def make(name):
        return MAKERS[name](tmp_path)

    return make


def make_easymocap(folder):
    head = '%YAML:1.0\n---\nnames:\n  - "left"\n  - "right"\n'
    intri = head + "".join(opencv_matrix(f"K_{n}", K) + opencv_matrix(f"dist_{n}", [DIST]) for n in POSES)
    extri = head
    for n, (r, t) in POSES.items():
        extri += opencv_matrix(f"R_{n}", np.array([r]).T) + opencv_matrix(f"Rot_{n}", rotation(n))
        extri += opencv_matrix(f"T_{n}", np.array([t]).T)
    (folder / "intri.yml").write_text(intri)
    (folder / "extri.yml").write_text(extri)
    return folder / "intri.yml"


def make_kalibr(folder):
    before, lines = None, []
    for i, (name, (_, t)) in enumerate(POSES.items()):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation(name), t
        lines += [f"cam{i}:", "  cam_overlaps: [1]", "  camera_model: pinhole", f"  distortion_coeffs: {DIST[:4]}"]
        lines += ["  distortion_model: radtan", f"  intrinsics: [{K[0][0]}, {K[1][1]},", f"    {K[0][2]}, {K[1][2]}]"]
        lines += [f"  resolution: {list(SIZE)}", f"  rostopic: /{name}/image_raw"]
        if before is not None:
            lines += ["  T_cn_cnm1:", *[f"  - {row}" for row in (pose @ np.linalg.inv(before)).tolist()]]
        before = pose
    (folder / "camchain.yaml").write_text("\n".join(lines))
    return folder / "camchain.yaml"


def make_panoptic(folder):
    cameras = [
        {"name": n, "type": "hd", "resolution": list(SIZE), "panel": 0, "node": i, "K": K, "distCoef": DIST,
         "R": rotation(n).tolist(), "t": [[100 * v] for v in t]}
        for i, (n, (_, t)) in enumerate(POSES.items())
    ]  # fmt: skip
    (folder / "calibration_1.json").write_text(json.dumps({"calibDataSource": "x", "cameras": cameras}))
    return folder / "calibration_1.json"


def make_voxelpose(folder):
    document = {}
    for n, (_, t) in POSES.items():
        center = -rotation(n).T @ t * 1000
        lens = {"fx": K[0][0], "fy": K[1][1], "cx": K[0][2], "cy": K[1][2], "k": [[DIST[0]], [DIST[1]], [DIST[4]]]}
        document[n] = {"R": rotation(n).tolist(), "T": [[v] for v in center], **lens, "p": [[DIST[2]], [DIST[3]]]}
    (folder / "calibration_shelf.json").write_text(json.dumps(document))
    return folder / "calibration_shelf.json"


def make_multical(folder):
    poses = {}
    for n, (_, t) in POSES.items():
        poses[n] = np.eye(4)
        poses[n][:3, :3], poses[n][:3, 3] = rotation(n), t
    relative = poses["right"] @ np.linalg.inv(poses["left"])
    entries = {
        "left": {"R": poses["left"][:3, :3].tolist(), "T": poses["left"][:3, 3].tolist()},
        "right_to_left": {"R": relative[:3, :3].tolist(), "T": relative[:3, 3].tolist()},
    }
    lens = {"model": "standard", "image_size": list(SIZE), "K": K, "dist": [DIST]}
    (folder / "calibration.json").write_text(
        json.dumps({"cameras": dict.fromkeys(POSES, lens), "camera_poses": entries})
    )
    return folder / "calibration.json"


def make_colmap(folder):
    params = f"{K[0][0]} {K[1][1]} {K[0][2] + 0.5} {K[1][2] + 0.5} " + " ".join(map(str, [*DIST, 0.0, 0.0, 0.0]))
    head = "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"
    (folder / "cameras.txt").write_text(f"{head}7 FULL_OPENCV {SIZE[0]} {SIZE[1]} {params}\n")
    rows = ["# Image list with two lines of data per image:"]
    for i, (n, (_, t)) in enumerate(POSES.items()):
        x, y, z, w = Rotation.from_matrix(rotation(n)).as_quat()
        rows += [f"{i + 1} {w} {x} {y} {z} {t[0]} {t[1]} {t[2]} 7 {n}.jpg", "10.5 20.5 -1 30.5 40.5 3" if i else ""]
    (folder / "images.txt").write_text("\n".join(rows) + "\n")
    return folder / "images.txt"


def make_vicon(folder):
    cameras = ""
    for n, (_, t) in POSES.items():
        q = " ".join(map(str, Rotation.from_matrix(rotation(n)).as_quat()))
        c = " ".join(map(str, -rotation(n).T @ t * 1000))
        cameras += (
            f'<Camera DEVICEID="{n}" SYSTEM="DV" PIXEL_ASPECT_RATIO="{K[0][0] / K[1][1]}" SENSOR_SIZE="1100 1940">'
            f'<KeyFrames><KeyFrame FOCAL_LENGTH="{K[0][0]}" PRINCIPAL_POINT="{K[0][2] + 6} {K[1][2] + 10}" '
            f'ORIENTATION="{q}" POSITION="{c}" VICON_RADIAL2="ViconRadial2 0 0 0 0 0"/></KeyFrames></Camera>'
        )
    cameras += '<Camera DEVICEID="marker" SYSTEM="Vantage"/>'
    (folder / "a.xcp").write_text(f"<Cameras>{cameras}</Cameras>")
    return folder / "a.xcp"


def make_opencap(folder):
    for n, (_, t) in POSES.items():
        (folder / n).mkdir(exist_ok=True)
        table = {
            "distortion": np.array([DIST]),
            "intrinsicMat": np.array(K),
            "imageSize": np.array([[SIZE[1]], [SIZE[0]]]),
        }
        table |= {"rotation": rotation(n), "translation": np.array([t]).T * 1000, "rotation_EulerAngles": np.zeros(3)}
        (folder / n / "cameraIntrinsicsExtrinsics.pickle").write_bytes(pickle.dumps(table))
    return folder / "left" / "cameraIntrinsicsExtrinsics.pickle"


MAKERS = {
    "easymocap": make_easymocap,
    "kalibr": make_kalibr,
    "panoptic": make_panoptic,
    "voxelpose": make_voxelpose,
    "multical": make_multical,
    "colmap": make_colmap,
    "vicon": make_vicon,
    "opencap": make_opencap,
}
# Where the point is in the world that lift3d turns a format's world into.
TURNED = {"panoptic": lambda p: np.array([p[0], p[2], -p[1]]), "opencap": lambda p: np.array([-p[0], -p[2], -p[1]])}


@pytest.mark.parametrize("name", MAKERS)
def test_a_point_is_seen_where_opencv_sees_it(files, name):
    path = files(name)
    assert detect_format(path) == name
    rig = read_rig(path, unit="m" if name == "colmap" else None, size=SIZE)
    assert rig.names == ("left", "right")
    assert rig[0].size == SIZE
    dist = DIST[:4] if name == "kalibr" else [0.0] * 4 if name == "vicon" else DIST
    point = POINT
    if name == "kalibr":  # the world is the first camera
        point = rotation("left") @ POINT + POSES["left"][1]
    point = TURNED.get(name, lambda p: p)(point)
    np.testing.assert_allclose(rig.project(point), seen(dist), atol=2e-6)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_comes_back(tmp_path, make_rig, name):
    rig = make_rig()
    path = write_rig(rig, tmp_path / PAIRS.get(name, "calibration.json"), name)
    assert detect_format(path) == name
    back = read_rig(path, unit="m" if name == "colmap" else None, size=(1280, 720))
    assert back.names == rig.names
    np.testing.assert_allclose(back.project(POINT * 0.2), rig.project(POINT * 0.2), atol=1e-6)
    with pytest.raises(FileExistsError):
        write_rig(rig, path, name)


@pytest.mark.parametrize(("dist", "model"), [(DIST[:4], "pinhole"), (FISHEYE, "fisheye")])
def test_a_chain_comes_back_in_the_first_cameras_frame(tmp_path, make_rig, dist, model):
    rig = make_rig(names=("a", "b", "c"), dist=dist, model=model)
    back = read_rig(write_rig(rig, tmp_path / "chain.yaml", "kalibr"))
    assert back.names == rig.names
    in_first = rig[0].R @ (POINT * 0.2) + rig[0].t
    np.testing.assert_allclose(back.project(in_first), rig.project(POINT * 0.2), atol=1e-6)


@pytest.mark.parametrize("name", ["multical", "colmap"])
def test_fisheyes_come_back(tmp_path, make_rig, name):
    rig = make_rig(dist=FISHEYE, model="fisheye")
    back = read_rig(write_rig(rig, tmp_path / PAIRS.get(name, "c.json"), name), unit="m")
    np.testing.assert_allclose(back.project(POINT * 0.2), rig.project(POINT * 0.2), atol=1e-6)


@pytest.mark.parametrize(
    ("dist", "model"), [(DIST, "pinhole"), ([*DIST, 0.01, 0.02, 0.03], "pinhole"), (FISHEYE, "fisheye")]
)
def test_a_lens_comes_back_from_opencvs_yaml(tmp_path, make_rig, dist, model):
    camera = make_rig(dist=dist, model=model)[0]
    back = read_rig(write_rig(Rig((camera,)), tmp_path / "lens.yml", "opencv"))[0]
    np.testing.assert_array_equal(back.K, camera.K)
    np.testing.assert_array_equal(back.dist, camera.dist)
    assert (back.name, back.size, back.model) == (camera.name, camera.size, model)


def test_opencv_reads_the_lens_that_is_written(tmp_path, make_rig):
    path = write_rig(Rig((make_rig()[0],)), tmp_path / "lens.yml", "opencv")
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    np.testing.assert_array_equal(storage.getNode("camera_matrix").mat(), make_rig()[0].K)


def test_opencvs_own_file_is_read(shared):
    camera = read_rig(shared / "captures/chessboard_stereo/left_intrinsics.yml")[0]
    assert camera.focal[0] == pytest.approx(535.91573396)
    assert camera.size == (640, 480)
    assert camera.dist[4] == pytest.approx(0.23839153)


def test_ros_yaml_is_read(tmp_path):
    path = tmp_path / "head_camera.yaml"
    path.write_text(
        "image_width: 640\nimage_height: 480\ncamera_name: head_camera\ncamera_matrix:\n  rows: 3\n  cols: 3\n"
        "  data: [500.5, 0, 320, 0, 501, 240, 0, 0, 1]\ndistortion_model: plumb_bob\ndistortion_coefficients:\n"
        "  rows: 1\n  cols: 5\n  data: [0.1, -0.2, 0.001, 0.002, 0]\n"
    )
    camera = read_rig(path)[0]
    assert camera.name == "head_camera"
    np.testing.assert_array_equal(camera.dist, [0.1, -0.2, 0.001, 0.002, 0])


def test_panoptics_own_file_is_read_with_z_up(shared):
    rig = read_rig(shared / "captures/panoptic/calibration_171026_pose3.json")
    assert len(rig) == 520
    hd = [camera for camera in rig if camera.name.startswith("00_")]
    assert len(hd) == 31
    centers = np.array([camera.center for camera in hd])
    assert centers[:, 2].min() > 0.3
    assert np.ptp(centers, axis=0).max() < 8


@pytest.mark.parametrize("name", sorted({"voxelpose", "easymocap", "vicon"}))
def test_a_file_without_the_pictures_size_asks_for_it(files, name):
    with pytest.raises(CalibrationError, match="give --size WIDTH HEIGHT"):
        read_rig(files(name))


def test_a_pickle_that_runs_a_program_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            import os

            return os.mkdir, (str(tmp_path / "broken_in"),)

    path = tmp_path / "Cam0" / "cameraIntrinsicsExtrinsics.pickle"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps({"intrinsicMat": Evil(), "imageSize": 1}))
    with pytest.raises(CalibrationError, match=r"asks for .*mkdir\); it was not read"):
        read_rig(path)
    assert not (tmp_path / "broken_in").exists()


@pytest.mark.parametrize("name", [n for n in WRITTEN if n != "colmap"])
@pytest.mark.parametrize("text", [b"{", b"%YAML:1.0\n---\nnames: [", b"{}", b"[]"])
def test_broken_files_end_in_one_line(tmp_path, name, text):
    path = tmp_path / "intri.yml"
    path.write_bytes(text)
    (tmp_path / "extri.yml").write_bytes(text)
    with pytest.raises(CalibrationError) as caught:
        read_rig(path, name, size=SIZE)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lenses_that_a_format_cannot_hold_are_refused(tmp_path, make_rig):
    rational = make_rig(dist=[*DIST, 0.1, 0.1, 0.1])
    for name in ("easymocap", "panoptic", "voxelpose"):
        with pytest.raises(CalibrationError, match="holds 5 distortion coefficients"):
            write_rig(rational, tmp_path / "a.json", name)
        with pytest.raises(CalibrationError, match="fisheye"):
            write_rig(make_rig(dist=FISHEYE, model="fisheye"), tmp_path / "a.json", name)
    with pytest.raises(CalibrationError, match="holds 4 distortion coefficients"):
        write_rig(rational, tmp_path / "a.yaml", "kalibr")
    with pytest.raises(CalibrationError, match="holds one camera, the rig has 2"):
        write_rig(rational, tmp_path / "a.yaml", "opencv")
    assert not list(tmp_path.iterdir())


def test_a_size_in_the_file_beats_the_one_given(tmp_path, make_rig):
    rig = make_rig()
    path = write_rig(rig, tmp_path / "extri.yml", "easymocap")
    assert read_rig(path, size=(1, 1))[0].size == rig[0].size


def test_every_format_says_what_it_is():
    assert len(FORMATS) >= 14
    assert all(entry.recognises or entry.matches for entry in FORMATS.values())
    assert replace(FORMATS["kalibr"], name="x").unit == "m"
