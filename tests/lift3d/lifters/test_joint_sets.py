"""In the detector's own joints stands what the lifter said of each, and nothing is surer than it was."""

import numpy as np
import pytest

from lift3d.calib import InputError

torch = pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.checkpoint import Checkpoint  # noqa: E402
from lift3d.datasets.mocap import H36M  # noqa: E402
from lift3d.lifters.encoding import feature_count  # noqa: E402
from lift3d.lifters.joint_sets import AnswerJoints  # noqa: E402
from lift3d.lifters.lifter import Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402
from lift3d.lifters.placement import Placed  # noqa: E402
from lift3d.lifters.samples import INPUTS, beside_h36m  # noqa: E402


def untrained(joints, *, face=True, arch="mlp"):
    skeleton = INPUTS[joints]
    answers = 17 + (len(beside_h36m(skeleton)) if face else 0)
    network = build_network(arch, feature_count(len(skeleton)), answers, width=8)
    description = {"arch": arch, "sizes": {"width": 8}, "joints_in": joints}
    return Lifter(Checkpoint("lifter", description, network.state_dict()))


@pytest.fixture
def placed(rng):
    """Eleven joints more than Human3.6M's; each set takes as many of them as it has."""
    spread = rng.normal(0, 0.1, (4, 28, 3, 3))
    return Placed(rng.normal(0, 1, (4, 28, 3)), spread @ spread.swapaxes(-1, -2))


@pytest.mark.parametrize("joints", ["coco17", "body25", "halpe26", "mediapipe33"])
def test_every_joint_of_the_detector_is_where_the_lifter_has_it(placed, joints):
    lifter = untrained(joints)
    answer = AnswerJoints.of(lifter, "detector")
    assert answer.skeleton is lifter.joints
    taken = answer.take(placed)
    assert taken.covariance.shape == (*taken.xyz.shape, 3)
    face = iter(range(17, 28))
    for j, joint in enumerate(lifter.joints.joints):
        if joint == "neck":
            ends = [H36M.index("left_shoulder"), H36M.index("right_shoulder")]
        else:
            own = joint in H36M.joints and joint != "head"  # HALPE's is the top, Human3.6M's is not
            ends = [H36M.index(joint) if own else next(face)]
        np.testing.assert_allclose(taken.xyz[:, j], placed.xyz[:, ends].mean(1), err_msg=joint)
        np.testing.assert_allclose(taken.covariance[:, j], placed.covariance[:, ends].mean(1), err_msg=joint)
    assert answer.shown == tuple((j, j) for j in range(len(lifter.joints)))


def test_human36ms_are_taken_as_they_are(placed):
    for lifter in (untrained("coco17"), untrained("coco17", face=False)):
        answer = AnswerJoints.of(lifter, "h36m17")
        taken = answer.take(placed)
        assert (taken.xyz == placed.xyz[:, :17]).all()
        assert (taken.covariance == placed.covariance[:, :17]).all()
        assert (answer.skeleton, len(answer.shown)) == (H36M, 12)


def test_a_lifter_of_human36ms_joints_knows_its_own():
    own, usual = (AnswerJoints.of(untrained("h36m17"), choice) for choice in ("detector", "h36m17"))
    assert own == usual
    assert len(own.shown) == 17


def test_what_a_lifter_does_not_know_is_refused():
    old = untrained("body25", face=False, arch="tcn-causal")
    with pytest.raises(
        InputError,
        match=r"this tcn-causal does not know nose, right_eye, left_eye … of body_25.*lift to h36m17, or train one "
        r"that does: lift3d train lifter --arch tcn-causal --joints body25",
    ):
        AnswerJoints.of(old, "detector")
    with pytest.raises(InputError, match="no joints 'body25' to lift to; there are h36m17, detector"):
        AnswerJoints.of(old, "body25")
