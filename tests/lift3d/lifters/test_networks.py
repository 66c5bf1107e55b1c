"""Networks answer in their shapes and look at their whole window."""

import pytest

from lift3d.calib import InputError

torch = pytest.importorskip("torch")

from lift3d.lifters.networks import build_network  # noqa: E402
from lift3d.lifters.training import sigma_loss  # noqa: E402


@pytest.mark.parametrize("arch", ["mlp", "tcn", "tcn-causal"])
def test_shapes(arch):
    network = build_network(arch, 52, 17, width=16).eval()
    xyz, log_sigma = network(torch.randn(3, network.window, 52))
    assert xyz.shape == (3, 17, 3)
    assert log_sigma.shape == (3, 17, 2)


def test_every_frame_of_the_window_counts():
    network = build_network("tcn", 52, 17, width=16).eval()
    window = torch.randn(1, 27, 52, requires_grad=True)
    network(window)[0].sum().backward()
    assert (window.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("arch", ["tcn", "tcn-causal"])
def test_untrained_it_answers_what_the_lifter_of_single_frames_does(arch):
    network = build_network(arch, 52, 17, width=16, frame={"width": 24}).train()
    assert not network.frame.training
    window = torch.randn(5, 27, 52)
    with torch.no_grad():
        alone = network.frame(window[:, network.target, None])[0]
        torch.testing.assert_close(network(window)[0], alone)


def test_unknown_architectures_are_refused():
    with pytest.raises(InputError, match="no lifter architecture 'gcn'; there are mlp, tcn, tcn-causal"):
        build_network("gcn", 52, 17)


def test_sigma_loss_is_least_at_the_true_spread():
    error = torch.randn(20000, 2, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([0.02, 0.02, 0.06])
    losses = {}
    for across in (0.01, 0.02, 0.04):
        for along in (0.03, 0.06, 0.12):
            log_sigma = torch.log(torch.tensor([across, along])).expand(20000, 2, 2)
            losses[across, along] = float(sigma_loss(error, log_sigma))
    assert min(losses, key=losses.get) == (0.02, 0.06)


def test_sigma_does_not_disturb_the_rest():
    network = build_network("mlp", 52, 17, width=16)
    _, log_sigma = network(torch.randn(8, 1, 52))
    log_sigma.sum().backward()
    assert network.first[0].weight.grad is None
    assert network.heads.sigma.weight.grad is not None
