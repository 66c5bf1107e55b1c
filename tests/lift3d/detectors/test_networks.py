import pytest

torch = pytest.importorskip("torch")

from lift3d.calib import InputError  # noqa: E402
from lift3d.detectors.initialise import load_initial  # noqa: E402
from lift3d.detectors.networks import ARCHITECTURES, build_network  # noqa: E402

SMALL = {"simple": {"width": 16, "decoder": 16}, "unet": {"width": 16}, "hourglass": {"width": 32}, "light": {}}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_maps_have_a_quarter_of_the_crop_s_size_and_begin_as_background(arch):
    network = build_network(arch, 5, **SMALL[arch]).eval()
    maps = network(torch.randn(2, 3, 128, 96))
    assert maps.shape == (2, 5, 32, 24)
    assert torch.sigmoid(maps).max() < 0.1


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_weight_learns(arch):
    network = build_network(arch, 5, **SMALL[arch]).train()
    answers = network(torch.randn(2, 3, 128, 96))
    sum(answer.square().mean() for answer in (answers if isinstance(answers, list) else [answers])).backward()
    assert not [name for name, value in network.named_parameters() if value.grad is None]


def test_the_light_network_has_under_three_million_weights_and_depth_wise_layers():
    network = build_network("light", 17)
    assert sum(value.numel() for value in network.parameters()) < 3e6
    assert any(getattr(layer, "groups", 1) > 1 for layer in network.modules())


def test_depth_wise_layers_stay_in_float32_while_a_cpu_computes_the_rest_in_bfloat16():
    network = build_network("light", 17)
    seen = {}
    for name, layer in network.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, answer, name=name: seen.update({name: (layer, answer.dtype)}))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(torch.randn(2, 3, 64, 64))
    assert {dtype for layer, dtype in seen.values() if layer.groups > 1} == {torch.float32}
    assert {dtype for layer, dtype in seen.values() if layer.groups == 1} == {torch.bfloat16}


def test_an_unknown_architecture_or_size_is_named():
    with pytest.raises(InputError, match=r"architecture must be one of simple, .* got 'vgg'"):
        build_network("vgg", 17)
    with pytest.raises(InputError, match="widths of unet must be multiples of 16, got"):
        build_network("unet", 17, width=24)
    with pytest.raises(InputError, match="architecture unet does not take decoder"):
        build_network("unet", 17, decoder=32)


def torchvision_names(width=64):
    """A state dict laid out as torchvision's resnet18."""
    state, inputs = {}, width
    state["conv1.weight"] = torch.randn(width, 3, 7, 7)

    def norm(name, channels):
        state.update(
            {f"{name}.{part}": torch.rand(channels) for part in ("weight", "bias", "running_mean", "running_var")}
        )
        state[f"{name}.num_batches_tracked"] = torch.tensor(3)

    norm("bn1", width)
    for layer in range(1, 5):
        outputs = width * 2 ** (layer - 1)
        for block in range(2):
            head = f"layer{layer}.{block}"
            state[f"{head}.conv1.weight"] = torch.randn(outputs, inputs, 3, 3)
            norm(f"{head}.bn1", outputs)
            state[f"{head}.conv2.weight"] = torch.randn(outputs, outputs, 3, 3)
            norm(f"{head}.bn2", outputs)
            if inputs != outputs:
                state[f"{head}.downsample.0.weight"] = torch.randn(outputs, inputs, 1, 1)
                norm(f"{head}.downsample.1", outputs)
            inputs = outputs
    state["fc.weight"], state["fc.bias"] = torch.randn(1000, inputs), torch.randn(1000)
    return state


def test_imagenet_weights_find_their_places(tmp_path):
    path = tmp_path / "resnet18.pth"
    state = torchvision_names(16)
    torch.save(state, path)
    network = build_network("simple", 5, **SMALL["simple"])
    load_initial(network, path, "simple")
    encoder = network.encoder
    assert torch.equal(encoder.stem[0][0].weight, state["conv1.weight"])
    assert torch.equal(encoder.stages[2][0].shortcut[0].weight, state["layer3.0.downsample.0.weight"])
    assert torch.equal(encoder.stages[3][1].body[1][1].running_var, state["layer4.1.bn2.running_var"])


def test_imagenet_weights_of_another_width_or_for_another_network_are_refused(tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(torchvision_names(16), path)
    with pytest.raises(InputError, match="does not fit the network"):
        load_initial(build_network("unet", 5, width=32), path, "unet")
    with pytest.raises(InputError, match="which light has no use for"):
        load_initial(build_network("light", 5), path, "light")
    with pytest.raises(FileNotFoundError, match="does not exist; wanted ResNet-18"):
        load_initial(build_network("light", 5), tmp_path / "none.pth", "light")
    (tmp_path / "bad.pth").write_bytes(b"not weights")
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_initial(build_network("light", 5), tmp_path / "bad.pth", "light")
