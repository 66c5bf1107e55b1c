"""MPI-INF-3DHP, CMU Panoptic, CMU's ASF/AMC and BVH as their own files are laid out."""

import json

import numpy as np
import pytest
import scipy.io

from lift3d.calib import InputError
from lift3d.datasets.coco_of_h36m import FACE, head_frames
from lift3d.datasets.mocap_formats import Sources, read_recordings
from lift3d.datasets.mocap_formats.head import head_joints, head_of_face
from lift3d.datasets.skeleton import SKELETONS

Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) with z up is (x, z, -y) with y up

# MPI-INF-3DHP's 28 joints by name, and which of them are Human3.6M's.
HP_NAMES = """
    spine3 spine4 spine2 spine pelvis neck head head_top left_clavicle left_shoulder left_elbow left_wrist left_hand
    right_clavicle right_shoulder right_elbow right_wrist right_hand left_hip left_knee left_ankle left_foot left_toe
    right_hip right_knee right_ankle right_foot right_toe
""".split()  # noqa: SIM905 thirty quotes say less
HP_OF_H36M = {"spine": "spine", "thorax": "neck", "neck": "head", "head": "head_top"}
EXTRINSIC = np.array([[0.9650164, 0.00488022, 0.262144], [-0.004488356, -0.9993728, 0.0351275],
                      [0.262151, -0.03507521, -0.9643893]])  # fmt: skip
SHIFT = np.array([-562.8666, 1398.138, 3852.623])  # mm


def hp_sequence(folder, motion, *, other_camera=False):
    folder.mkdir(parents=True)
    world = np.full((len(motion), 28, 3), 5000.0)
    for j, joint in enumerate(SKELETONS["h36m_17"].joints):
        world[:, HP_NAMES.index(HP_OF_H36M.get(joint, joint))] = 1000 * motion[:, j] @ Y_UP.T
    u, _, vt = np.linalg.svd(EXTRINSIC)
    annot2, annot3 = np.empty((2, 1), object), np.empty((2, 1), object)
    lines = ["Skeletool Camera Calibration File V1.0"]
    for view, shift in enumerate((SHIFT, SHIFT + [300, 0, 0])):
        x_cam = world @ (u @ vt).T + shift
        xy = x_cam[..., :2] / x_cam[..., 2:] * 1497.0 + (1024.7 + 200 * other_camera, 1051.4)
        annot3[view, 0], annot2[view, 0] = x_cam.reshape(len(motion), -1), xy.reshape(len(motion), -1)
        rows = " ".join(f"{v:.7g}" for v in np.c_[EXTRINSIC, shift].ravel())
        lines += [f"name          {view}", "  sensor      10 10", "  size        2048 2048", "  animated    0",
                  "  intrinsic   1497 0 1024.7 0 0 1497 1051.4 0 0 0 1 0 0 0 0 1 ",
                  f"  extrinsic   {rows} 0 0 0 1 ", "  radial      0"]  # fmt: skip
    scipy.io.savemat(folder / "annot.mat", {"annot2": annot2, "annot3": annot3, "univ_annot3": annot3})
    (folder / "camera.calibration").write_text("\n".join(lines))


def test_3dhp_is_read_upright_with_its_cameras(tmp_path, motion):
    hp_sequence(tmp_path / "S2" / "Seq1", motion)
    found = read_recordings(tmp_path)
    (clip,) = found.clips
    assert (clip.name, clip.subject, clip.trial, clip.fps) == ("3dhpS2_Seq1", "3dhpS2", "Seq1", 25.0)
    np.testing.assert_allclose(clip.xyz, motion, atol=1e-5)
    assert clip.rig.names == ("0", "1")
    assert "at most 0.0" in found.notes[0]


def test_3dhp_with_another_sequences_calibration_is_refused(tmp_path, motion):
    hp_sequence(tmp_path / "S2" / "Seq1", motion, other_camera=True)
    with pytest.raises(InputError, match=r"project up to 200 px from its own 2D; .* another sequence"):
        read_recordings(tmp_path)


def test_3dhp_without_its_calibration_says_so(tmp_path, motion):
    hp_sequence(tmp_path / "S2" / "Seq1", motion)
    (tmp_path / "S2" / "Seq1" / "camera.calibration").unlink()
    with pytest.raises(FileNotFoundError, match=r"camera\.calibration does not exist"):
        read_recordings(tmp_path)


def face_of(motion):
    """[T, 5, 3]: the mean head's face on these poses."""
    axes, origin = head_frames(motion.astype("f4"))
    points = np.array([FACE[name] for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")])
    return origin[:, None] + points @ axes


def panoptic_scene(folder, motion, *, lost=()):
    (folder / "hdPose3d_stage1_coco19").mkdir(parents=True)
    set19, h36m = SKELETONS["panoptic_19"], SKELETONS["h36m_17"]
    face = dict(
        zip(("nose", "left_eye", "right_eye", "left_ear", "right_ear"), face_of(motion).swapaxes(0, 1), strict=True)
    )
    for t in range(len(motion)):
        rows = [
            face[j][t] if j in face else motion[t, h36m.index("thorax" if j == "neck" else j)] for j in set19.joints
        ]
        rows = 100 * np.array(rows) @ Y_UP.T * (1, -1, -1)  # centimetres, y down
        scored = np.c_[rows, np.where(t in lost, -1.0, 0.6) * np.ones(19)]
        bodies = [{"id": 4, "joints19": scored.ravel().tolist()}]
        path = folder / "hdPose3d_stage1_coco19" / f"body3DScene_{t:08d}.json"
        path.write_text(json.dumps({"version": 0.7, "univTime": 53.5, "fpsType": "hd_29_97", "bodies": bodies}))
    camera = {"name": "00_00", "type": "hd", "resolution": [1920, 1080],
              "K": [[1400, 0, 950], [0, 1400, 540], [0, 0, 1]],
              "distCoef": [0, 0, 0, 0, 0], "R": np.eye(3).tolist(), "t": [[0], [100], [300]],
              "panel": 0, "node": 0}  # fmt: skip
    (folder / f"calibration_{folder.name}.json").write_text(json.dumps({"cameras": [camera]}))


def test_panoptic_is_read_with_the_head_that_fits_the_face(tmp_path, motion):
    panoptic_scene(tmp_path / "171026_pose3", motion, lost=(5,))
    found = read_recordings(tmp_path / "171026_pose3")
    first, second = found.clips  # the lost frame parts them
    assert (len(first.xyz), len(second.xyz), first.subject) == (5, 6, "171026_pose3-4")
    known = [j for j in range(17) if j not in (7, 8)]  # which are made up
    np.testing.assert_allclose(first.xyz[:, known], motion[:5][:, known], atol=2e-3)
    assert first.rig.names == ("00_00",)
    assert "do not train weights on it that you ship" in found.notes[0]


def test_heads_of_faces_give_the_faces_again(motion):
    axes, origin = head_of_face(face_of(motion))
    neck, head = head_joints(axes, origin)
    poses = motion.astype("f4")
    poses[:, 9], poses[:, 10] = neck, head
    again, place = head_frames(poses)
    np.testing.assert_allclose(again, axes, atol=2e-3)
    np.testing.assert_allclose(place, origin, atol=2e-3)


def test_a_face_with_a_missing_point_gives_no_head(motion):
    face = face_of(motion)
    face[0, 2] = np.nan
    axes, origin = head_of_face(face)
    assert np.isnan(axes[0]).all()
    assert np.isnan(origin[0]).all()
    assert np.isfinite(axes[1:]).all()


INCHES = 0.0254 / 0.45  # metres a unit of CMU's files
# name, parent, end at rest (metres, y up, the person looks along z)
BONES = [
    ("lhipjoint", "root", (0.1, -0.05, 0)), ("lfemur", "lhipjoint", (0.1, -0.47, 0)),
    ("ltibia", "lfemur", (0.1, -0.88, 0)), ("rhipjoint", "root", (-0.1, -0.05, 0)),
    ("rfemur", "rhipjoint", (-0.1, -0.47, 0)), ("rtibia", "rfemur", (-0.1, -0.88, 0)),
    ("lowerback", "root", (0, 0.12, 0)), ("upperback", "lowerback", (0, 0.24, 0)),
    ("thorax", "upperback", (0, 0.36, 0)),
    ("lowerneck", "thorax", (0, 0.46, 0)), ("upperneck", "lowerneck", (0, 0.54, 0)),
    ("head", "upperneck", (0, 0.63, 0)),
    ("lclavicle", "thorax", (0.18, 0.42, 0)), ("lhumerus", "lclavicle", (0.46, 0.42, 0)),
    ("lradius", "lhumerus", (0.72, 0.42, 0)), ("rclavicle", "thorax", (-0.18, 0.42, 0)),
    ("rhumerus", "rclavicle", (-0.46, 0.42, 0)), ("rradius", "rhumerus", (-0.72, 0.42, 0)),
]  # fmt: skip
DOF = {"lfemur": "rx ry rz", "rfemur": "rx ry rz", "ltibia": "rx", "lowerback": "rx ry rz"}


def acclaim(folder, *, axes=(0.0, 0.0, 0.0)):
    """CMU's layout: folder 07 with 07.asf and 07_01.amc of three frames; in the last the left thigh points forward."""
    folder.mkdir(parents=True)
    ends = {"root": np.zeros(3), **{name: np.array(end) for name, _, end in BONES}}
    bones, children = [], {}
    for n, (name, parent, _) in enumerate(BONES, 1):
        way = (ends[name] - ends[parent]) / INCHES
        length = np.linalg.norm(way)
        direction = " ".join(f"{v:.9g}" for v in way / length)
        dof = (
            f"     dof {DOF[name]}\n     limits (-180 180)\n            (-180 180)\n            (-180 180)\n"
            if name in DOF
            else ""
        )
        bones.append(f"  begin\n     id {n}\n     name {name}\n     direction {direction}\n     length {length:.9g}\n"
                     f"     axis {axes[0]} {axes[1]} {axes[2]}   XYZ\n{dof}  end")  # fmt: skip
        children.setdefault(parent, []).append(name)
    tree = "\n".join(f"    {parent} {' '.join(names)}" for parent, names in children.items())
    (folder / "07.asf").write_text(
        "# AST/ASF file generated using VICON BodyLanguage\n:version 1.10\n:name VICON\n:units\n  mass 1.0\n"
        "  length 0.45\n  angle deg\n:documentation\n   .ast/.asf automatically generated\n:root\n"
        "   order TX TY TZ RX RY RZ\n   axis XYZ\n   position 0 0 0  \n   orientation 0 0 0 \n:bonedata\n"
        + "\n".join(bones) + "\n:hierarchy\n  begin\n" + tree + "\n  end\n"
    )  # fmt: skip
    rows = []
    for t, (turn, thigh, knee) in enumerate([(0, 0, 0), (90, 0, 0), (0, -90, 90)], 1):
        rows.append(
            f"{t}\nroot 0 {0.96 / INCHES:.9g} 0 0 {turn} 0\nlowerback 0 0 0\nlfemur {thigh} 0 0\nltibia {knee}\n"
            "rfemur 0 0 0"
        )
    (folder / "07_01.amc").write_text(
        "#!OML:ASF F:\\VICON\\07.ASF\n:FULLY-SPECIFIED\n:DEGREES\n" + "\n".join(rows) + "\n"
    )


def test_acclaim_stands_turns_and_bends(tmp_path):
    acclaim(tmp_path / "07")
    found = read_recordings(tmp_path)
    (clip,) = found.clips
    assert (clip.name, clip.subject, clip.trial, clip.fps) == ("cmu07_01", "cmu07", "01", 120.0)
    stands, turned, bent = clip.xyz
    # z up, looking along -y: the person's left is x
    np.testing.assert_allclose(stands[5], (0.1, 0, 0.49), atol=1e-6)
    np.testing.assert_allclose(stands[16], (-0.72, 0, 1.38), atol=1e-6)
    np.testing.assert_allclose(stands[0], (0, 0, 0.91), atol=1e-6)  # the hips' middle, not the root
    np.testing.assert_allclose(stands[9], (0, -0.075, 1.5), atol=1e-6)
    np.testing.assert_allclose(turned[5], (0, 0.1, 0.49), atol=1e-6)  # a quarter turn to the left, seen from above
    np.testing.assert_allclose(bent[5], (0.1, -0.42, 0.91), atol=1e-6)  # the thigh forward
    np.testing.assert_allclose(bent[6], (0.1, -0.42, 0.5), atol=1e-6)  # the shank down again


def test_acclaims_bones_turn_in_their_own_axes(tmp_path):
    acclaim(tmp_path / "07", axes=(0.0, 0.0, 180.0))  # their x points the other way: the thigh goes backwards
    bent = read_recordings(tmp_path).clips[0].xyz[2]
    np.testing.assert_allclose(bent[5], (0.1, 0.42, 0.91), atol=1e-6)


def test_acclaim_without_a_skeleton_or_with_a_broken_one(tmp_path):
    acclaim(tmp_path / "07")
    (tmp_path / "07" / "07.asf").write_text(":units\n length x\n")
    with pytest.raises(InputError, match=r"07\.asf is no ASF skeleton"):
        read_recordings(tmp_path)
    (tmp_path / "07" / "07.asf").unlink()
    with pytest.raises(FileNotFoundError, match="has no skeleton"):
        read_recordings(tmp_path)


BVH_TREE = ("Hips", (0, 0, 0), [
    ("LeftUpLeg", (10, -5, 0), [("LeftLeg", (0, -42, 0), [("LeftFoot", (0, -41, 0), [])])]),
    ("RightUpLeg", (-10, -5, 0), [("RightLeg", (0, -42, 0), [("RightFoot", (0, -41, 0), [])])]),
    ("Spine", (0, 12, 0), [("Spine1", (0, 12, 0), [
        ("Neck", (0, 22, 0), [("Head", (0, 8, 0), [])]),
        ("LeftShoulder", (6, 18, 0), [
            ("LeftArm", (12, 0, 0), [("LeftForeArm", (28, 0, 0), [("LeftHand", (26, 0, 0), [])])])]),
        ("RightShoulder", (-6, 18, 0), [
            ("RightArm", (-12, 0, 0), [("RightForeArm", (-28, 0, 0), [("RightHand", (-26, 0, 0), [])])])]),
    ])]),
])  # fmt: skip


def bvh(path, *, rename=str, scale=1.0):
    """Three frames: standing; turned a quarter to the left; the left thigh forward by channels Z X Y."""
    names = []

    def write(node, depth):
        name, offset, children = node
        names.append(name)
        pad = "\t" * depth
        lines = [f"{pad}{'JOINT' if depth else 'ROOT'} {rename(name)}", pad + "{"]
        lines.append(f"{pad}\tOFFSET {' '.join(str(scale * v) for v in offset)}")
        places = "" if depth else "Xposition Yposition ZPosition "  # some write one of them so
        lines.append(f"{pad}\tCHANNELS {3 if depth else 6} {places}Zrotation Xrotation Yrotation")
        for child in children:
            lines += write(child, depth + 1)
        if not children:
            lines += [f"{pad}\tEnd Site", pad + "\t{", f"{pad}\t\tOFFSET 0 {10 * scale} 0", pad + "\t}"]
        return [*lines, pad + "}"]

    text = ["HIERARCHY", *write(BVH_TREE, 0), "MOTION", "Frames: 3", "Frame Time: 0.0333333"]
    for turn, thigh in ((0, 0), (90, 0), (0, -90)):
        turns = {"Hips": (0, 0, turn), "LeftUpLeg": (0, thigh, 0)}
        values = [0, 96 * scale, 0, *(v for name in names for v in turns.get(name, (0, 0, 0)))]
        text.append(" ".join(map(str, values)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text) + "\n")
    return path


def suffixed(name):
    """thigh_l's custom."""
    for side in ("Left", "Right"):
        if name.startswith(side):
            return f"{name.removeprefix(side)}_{side[0].lower()}"
    return name


def by_joint(name):
    """LeftHip for what others call LeftUpLeg; the shoulder is the joint and not the collar bone."""
    side = "Left" if name.startswith("Left") else "Right" if name.startswith("Right") else ""
    names = {"UpLeg": "Hip", "Leg": "Knee", "Foot": "Ankle", "Shoulder": "Collar", "Arm": "Shoulder",
             "ForeArm": "Elbow", "Hand": "Wrist"}  # fmt: skip
    part = name.removeprefix(side)
    return side + names.get(part, part)


def short(name):
    return name.replace("Left", "L_").replace("Right", "R_")


@pytest.mark.parametrize("rename", [str, lambda name: f"mixamorig:{name}", short, suffixed, by_joint])
def test_bvh_stands_turns_and_bends(tmp_path, rename):
    path = bvh(tmp_path / "walk_02.bvh", rename=rename)
    (clip,) = read_recordings(path).clips
    assert (clip.name, clip.subject, clip.trial, clip.fps) == ("walk_02", "walk", "02", 30.0)
    stands, turned, bent = clip.xyz
    np.testing.assert_allclose(stands[5], (0.1, 0, 0.49), atol=1e-6)
    np.testing.assert_allclose(stands[13], (0.72, 0, 1.38), atol=1e-6)
    np.testing.assert_allclose(stands[14], (-0.18, 0, 1.38), atol=1e-6)  # the arm, not the collar bone
    np.testing.assert_allclose(stands[7], (0, 0, 1.2), atol=1e-6)  # Spine1 is the nearest to halfway
    np.testing.assert_allclose(turned[5], (0, 0.1, 0.49), atol=1e-6)
    np.testing.assert_allclose(bent[5], (0.1, -0.42, 0.91), atol=1e-6)
    axes, origin = head_frames(clip.xyz)
    np.testing.assert_allclose(axes[0], [(0, -1, 0), (1, 0, 0), (0, 0, 1)], atol=2e-3)  # looks along -y
    np.testing.assert_allclose(origin[0], (0, 0, 1.5), atol=2e-3)


def test_bvh_subjects_come_from_folders_or_a_pattern(tmp_path):
    bvh(tmp_path / "all" / "anna" / "dance.bvh")
    assert read_recordings(tmp_path / "all").clips[0].subject == "anna"
    path = bvh(tmp_path / "walk1_subject3.bvh")
    clip = read_recordings(path, Sources(subject=r"(?P<trial>\w+)_(?P<subject>subject\d+)")).clips[0]
    assert (clip.subject, clip.trial) == ("subject3", "walk1")
    with pytest.raises(InputError, match="needs a group"):
        read_recordings(path, Sources(subject="actor"))


def test_bvh_in_another_unit_is_refused_with_the_unit(tmp_path):
    path = bvh(tmp_path / "walk_02.bvh", scale=10)
    with pytest.raises(InputError, match=r"thighs measure 420 units, .* give --unit mm"):
        read_recordings(path)
    np.testing.assert_allclose(read_recordings(path, Sources(unit="mm")).clips[0].xyz[0, 5, 2], 0.49, atol=1e-6)


def test_bvh_without_a_known_joint_is_refused(tmp_path):
    path = bvh(tmp_path / "a_1.bvh", rename=lambda name: name.replace("LeftLeg", "Bone17"))
    with pytest.raises(InputError, match="no joint called like a left knee"):
        read_recordings(path)


@pytest.mark.parametrize(
    "text", ["hello", "HIERARCHY\nROOT Hips\n{\n OFFSET 0 0\n", "MOTION\nFrames: 0\nFrame Time: 0.03\n"]
)
def test_broken_bvh_is_refused(tmp_path, text):
    (tmp_path / "a_1.bvh").write_text(text)
    with pytest.raises(InputError, match=r"a_1\.bvh (is no BVH motion|holds no frames)"):
        read_recordings(tmp_path / "a_1.bvh")
