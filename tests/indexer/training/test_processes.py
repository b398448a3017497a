"""Training in two processes gives the curve of one; batch norm over all processes is torch's over the whole batch."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import distributed, nn

from indexer.training.processes import Processes, WholeBatchNorm, joined, share_statistics
from search.errors import DataError
from tests.indexer.training.conftest import TINY

ROOT = Path(__file__).parents[3]
TRAIN = ["--steps", "24", "--batch", "3", "4", "--input-size", "16", "--seed", "3", "--device", "cpu"]
SETTINGS = {"evaluate_every": 8, "network": TINY, "validation": ["gray"], "validation_pictures": 6, "report": False}


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A group of this process alone."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 4, 3)])
def test_batch_norm_of_the_whole_batch_is_that_of_torch(group: None, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    theirs = nn.BatchNorm2d(5) if len(shape) == 4 else nn.BatchNorm1d(5)
    nn.init.uniform_(theirs.weight)
    nn.init.uniform_(theirs.bias)
    holder = nn.Sequential(type(theirs)(5))
    holder.load_state_dict({f"0.{name}": value for name, value in theirs.state_dict().items()})
    share_statistics(holder)
    ours = holder[0]
    assert isinstance(ours, WholeBatchNorm)
    for _ in range(3):
        given = torch.randn(shape) * 3 + 10
        one, other = given.clone().requires_grad_(), given.clone().requires_grad_()
        weights = torch.randn(shape)
        (theirs(one) * weights).sum().backward()
        (ours(other) * weights).sum().backward()
        torch.testing.assert_close(ours(other), theirs(one))
        torch.testing.assert_close(other.grad, one.grad)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.eval()(given), theirs.eval()(given))


def test_a_batch_norm_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="BatchNorm3d"):
        share_statistics(nn.Sequential(nn.Sequential(nn.BatchNorm3d(2))))


def test_shares_of_a_batch() -> None:
    rows = list(range(12))
    assert [row for rank in range(3) for row in rows[Processes(rank, 3).share(12)]] == rows
    with pytest.raises(DataError, match="cannot be divided among 5 processes"):
        Processes(0, 5).share(12)


def test_one_process_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(torch.device("cpu")) as processes:
        assert (processes.rank, processes.count) == (0, 1)
        assert processes.same([1.5, None]) == [1.5, None]
        assert not distributed.is_initialized()


def run(words: list[str], *, processes: int = 1) -> None:
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*start, "indexer", *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("24 steps") == ("--stop-after" not in words)


def curve(folder: Path) -> np.ndarray:
    with (folder / "history.csv").open(newline="") as file:
        rows = [{key: value for key, value in row.items() if key != "minutes"} for row in csv.DictReader(file)]
    return np.array([[float(value or 0) for value in row.values()] for row in rows])


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one(collection: Path, tmp_path: Path) -> None:
    """The network has batch norm, and its loss compares all views of a batch with one another."""
    words = ["train", str(collection), *TRAIN]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    run([*words, "--out", str(tmp_path / "one")])
    run([*words, "--out", str(tmp_path / "two")], processes=2)
    run([*words, "--out", str(tmp_path / "paused"), "--stop-after", "8"], processes=2)
    run([*words, "--out", str(tmp_path / "paused")], processes=2)
    one = load_file(tmp_path / "one" / "weights.safetensors")
    for other in ("two", "paused"):
        np.testing.assert_allclose(curve(tmp_path / other), curve(tmp_path / "one"), rtol=1e-3, atol=1e-4)
        weights = load_file(tmp_path / other / "weights.safetensors")
        assert one.keys() == weights.keys()
        for name, values in one.items():
            np.testing.assert_allclose(weights[name], values, rtol=1e-2, atol=1e-4, err_msg=name)
        assert not (tmp_path / other / "writer.lock").exists()
