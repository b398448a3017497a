from pathlib import Path

import pytest
import torch

from indexer.training.checkpoints import STATE_FILE, load_state, save_state
from search.errors import DataError


def made(seed: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    return network, torch.optim.AdamW(network.parameters(), lr=0.01)


def step(network: torch.nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    optimizer.zero_grad()
    network(torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
    optimizer.step()


def test_a_restored_state_continues_bit_for_bit(tmp_path: Path) -> None:
    network, optimizer = made(1)
    step(network, optimizer, 1)
    save_state(tmp_path, {"network": network}, optimizer, {"step": 1, "text": "é"})
    step(network, optimizer, 2)
    other, its_optimizer = made(2)
    assert load_state(tmp_path, {"network": other}, its_optimizer) == {"step": 1, "text": "é"}
    step(other, its_optimizer, 2)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key]), key
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_no_saved_state(tmp_path: Path) -> None:
    network, optimizer = made(1)
    assert load_state(tmp_path, {"network": network}, optimizer) is None


@pytest.mark.parametrize("keep", [0, 7, 200])
def test_a_damaged_state_says_what_to_do(tmp_path: Path, keep: int) -> None:
    network, optimizer = made(1)
    step(network, optimizer, 1)
    save_state(tmp_path, {"network": network}, optimizer, {})
    file = tmp_path / STATE_FILE
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match="Delete it to begin again"):
        load_state(tmp_path, {"network": network}, optimizer)


def test_the_state_of_another_network_is_rejected(tmp_path: Path) -> None:
    network, optimizer = made(1)
    step(network, optimizer, 1)
    save_state(tmp_path, {"network": network}, optimizer, {})
    wider = torch.nn.Sequential(torch.nn.Linear(3, 5))
    with pytest.raises(DataError, match="cannot resume"):
        load_state(tmp_path, {"network": wider}, torch.optim.AdamW(wider.parameters()))
