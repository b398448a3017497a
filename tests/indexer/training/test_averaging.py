import pytest
import torch
from torch import nn

from indexer.training.averaging import MovingAverage


def test_the_average_against_its_formula() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    average = MovingAverage(network, 0.9)
    by_hand = {name: value.clone().double() for name, value in network.state_dict().items()}
    for step in range(1, 30):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network(torch.randn(4, 1, 3, 3))
        average.follow(network, step)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            by_hand[name] = decay * by_hand[name] + (1 - decay) * value.double()
    for name, value in average.network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert int(value) == 29
        else:
            assert value.double().numpy() == pytest.approx(by_hand[name].numpy(), abs=1e-5)


def test_the_average_needs_no_gradient_and_stays_in_evaluation_mode() -> None:
    average = MovingAverage(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), 0.5)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


def test_the_network_alone_is_enough_to_go_on() -> None:
    """Checkpoints hold the averaged network under the names of the network, and the number of the step."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average, resumed = MovingAverage(network, 0.9), MovingAverage(network, 0.9)
    assert list(average.network.state_dict()) == list(network.state_dict())
    for step in range(1, 20):
        if step == 6:
            resumed.network.load_state_dict(average.network.state_dict())
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network(torch.randn(5, 3))
        average.follow(network, step)
        if step >= 6:
            resumed.follow(network, step)
    for name, value in average.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
