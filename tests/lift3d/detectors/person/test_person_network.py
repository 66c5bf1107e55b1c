import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.calib import InputError  # noqa: E402
from lift3d.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from lift3d.detectors.crops import apply  # noqa: E402
from lift3d.detectors.keypoint_network import as_input  # noqa: E402
from lift3d.detectors.networks import build_network  # noqa: E402
from lift3d.detectors.person.detector import PersonNetwork, letterbox  # noqa: E402
from lift3d.detectors.person.network import CentreNetwork, LightPersonNetwork, take_encoder  # noqa: E402
from lift3d.detectors.person.targets import (  # noqa: E402
    JOINTS,
    boxes_from_maps,
    cell_middles,
    heat_loss,
    joint_targets,
    make_targets,
    person_loss,
)

TINY = {"widths": [4, 4, 8, 8, 8], "depths": [0, 0, 0, 0, 0], "head": 8}
BOXES = np.array([[10.0, 20, 40, 90], [100, 30, 20, 50], [60, 90, 60, 30]])


def ideal_output(boxes, size=(160, 128)):
    """What a perfect network would say."""
    heat, sides, _ = (torch.from_numpy(part) for part in make_targets([boxes], [np.zeros((0, 4))], size))
    x, y = cell_middles(*heat.shape[1:])
    left, top, right, bottom = sides.unbind(1)
    distances = torch.stack([x - left, y[:, None] - top, right - x, bottom - y[:, None]], dim=1)
    return torch.logit(heat.clamp(1e-4, 0.999)), distances


def test_ideal_maps_give_the_boxes_back():
    found = boxes_from_maps(ideal_output(BOXES), least=0.9)[0]
    order = np.argsort(found.xywh[:, 0])
    assert found.xywh[order] == pytest.approx(BOXES[[0, 2, 1]], abs=1e-4)


def test_the_loss_of_ideal_maps_is_next_to_nothing_and_grows_with_an_error():
    targets = [torch.from_numpy(part) for part in make_targets([BOXES], [np.zeros((0, 4))], (160, 128))]
    logits, distances = ideal_output(BOXES)
    middles, boxes = person_loss((logits, distances), *targets)
    assert float(boxes) == pytest.approx(0, abs=1e-4)
    worse = person_loss((logits, distances + 10), *targets)
    assert float(worse[1]) > 0.5
    assert float(person_loss((-logits, distances), *targets)[0]) > 10 * float(middles)


def test_nothing_is_asked_in_an_ignored_region():
    targets = [torch.from_numpy(part) for part in make_targets([np.zeros((0, 4))], [BOXES[:1]], (160, 128))]
    assert (targets[0] == -1).any()
    logits = torch.full(targets[0].shape, -9.0)
    logits[targets[0] == -1] = 9.0
    assert float(person_loss((logits, torch.ones(1, 4, *logits.shape[1:])), *targets)[0]) < 1e-3


def test_joints_are_asked_for_where_they_are_and_not_where_nobody_knows():
    xy = np.full((1, JOINTS, 2), np.nan)
    xy[0, 3], xy[0, 7] = (19.5, 35.5), (43.5, 99.5)
    none = np.zeros((0, 4))
    heat = joint_targets([xy], [BOXES[:1]], [BOXES[1:2]], (160, 128))[0]
    assert np.argwhere(heat[3] == 1).tolist() == [[4, 2]]
    assert np.argwhere(heat[7] == 1).tolist() == [[12, 5]]
    assert (heat[:, 4:10, 13:15] == -1).all()  # somebody of whom too little is seen
    assert (heat[0, 3:13, 2:6] == -1).all()  # not labelled
    assert (heat[0, :, 8:12] == 0).all()
    assert (joint_targets([none.reshape(0, JOINTS, 2)], [none], [none], (64, 64)) == 0).all()


def test_the_loss_of_bells_is_next_to_nothing_where_they_are_met():
    heat = torch.zeros(1, 2, 8, 8)
    heat[0, 0, 3, 4], heat[0, 1, 5] = 1.0, -1.0
    good = torch.where(heat == 1, 9.0, -9.0)
    assert float(heat_loss(good, heat)) < 1e-3
    good[0, 1, 5] = 9.0
    assert float(heat_loss(good, heat)) < 1e-3
    good[0, 1, 2, 2] = 9.0
    assert float(heat_loss(good, heat)) > 1


@pytest.mark.parametrize("size", [(1920, 1080), (1088, 1920), (100, 90), (33, 700)])
def test_a_picture_is_letterboxed_by_pixel_centres(size):
    transform, frame = letterbox(size, 320)
    assert frame[0] % 32 == frame[1] % 32 == 0
    assert max(frame) == 320
    corners = apply(transform, np.array([[-0.5, -0.5], [size[0] - 0.5, size[1] - 0.5]]))
    assert corners[0] == pytest.approx([-0.5, -0.5])
    assert max(corners[1]) == pytest.approx(319.5)


def test_pictures_of_several_sizes_come_back_in_order_with_boxes_inside(rng):
    torch.manual_seed(0)
    network = CentreNetwork(**{name: value if name == "head" else tuple(value) for name, value in TINY.items()}).eval()
    with torch.no_grad():
        network.out.bias[0] = 0.0
    detector = PersonNetwork(network, {}, least=0.1, longest=64, smallest=0.0)
    pictures = [rng.integers(0, 255, (*shape, 3)).astype(np.uint8) for shape in ((90, 50), (40, 80), (90, 50))]
    found = detector(pictures)
    assert all(len(boxes) for boxes in found)
    for picture, boxes in zip(pictures, found, strict=True):
        end = boxes.xywh[:, :2] + boxes.xywh[:, 2:]
        assert (boxes.xywh[:, :2] >= -0.5).all()
        assert (end <= np.array(picture.shape[1::-1]) - 0.5 + 1e-9).all()
    alone = detector([pictures[1]])[0]
    assert found[1].xywh == pytest.approx(alone.xywh)
    assert detector([]) == []
    detector.smallest = 1000.0
    assert [len(boxes) for boxes in detector(pictures)] == [0, 0, 0]


def test_a_checkpoint_of_another_kind_or_architecture_is_one_line(tmp_path):
    state = CentreNetwork(**{n: v if n == "head" else tuple(v) for n, v in TINY.items()}).state_dict()
    other = save_checkpoint(tmp_path / "k.pt", Checkpoint("keypoints", {}, state))
    with pytest.raises(InputError, match=r"k\.pt holds a keypoints, wanted a person"):
        PersonNetwork.load(other)
    unknown = save_checkpoint(tmp_path / "u.pt", Checkpoint("person", {"arch": "yolo", "sizes": {}}, state))
    with pytest.raises(InputError, match=r"u\.pt: yolo is no architecture of the person detector; wanted cen"):
        PersonNetwork.load(unknown)
    misfit = save_checkpoint(tmp_path / "m.pt", Checkpoint("person", {"arch": "centre", "sizes": {}}, state))
    with pytest.raises(InputError, match=r"m\.pt does not fit the network it names \(centre\)"):
        PersonNetwork.load(misfit)
    half = {name: v.half() if v.dtype.is_floating_point else v for name, v in state.items()}
    good = save_checkpoint(tmp_path / "g.pt", Checkpoint("person", {"arch": "centre", "sizes": TINY}, half))
    assert next(PersonNetwork.load(good).network.parameters()).dtype == torch.float32


def test_the_light_network_starts_from_the_encoder_of_a_joints_network(tmp_path):
    widths = (16, 16, 16, 16, 16)
    joints = build_network("light", 17, widths=widths, decoder=16)
    path = save_checkpoint(tmp_path / "j.pt", Checkpoint("keypoints", {}, joints.state_dict()))
    network = LightPersonNetwork(widths=widths, head=8).eval()
    take_encoder(network, path)
    rgb = torch.rand(1, 3, 64, 64) * 255
    seen = network.stages[0](network.standard(rgb.flip(1)))
    wanted = joints.eval().stem(as_input(rgb.permute(0, 2, 3, 1)))
    assert torch.allclose(seen, wanted, atol=1e-5)
    assert network(rgb)[1].shape == (1, 4, 8, 8)
    with pytest.raises(InputError, match=r"encoder of .*j\.pt is not that of this person detector"):
        take_encoder(CentreNetwork(), path)
