"""Parts of a batch that are computed side by side, against one picture after another."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from search.encoders.parallel_parts import PART, in_parts, threads_of_torch
from tests.search.encoders.made import CHECKPOINT, made

SECONDS = 20


@pytest.fixture
def two_threads():
    """Two threads of torch, on a machine with any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, PART, PART + 1, 5 * PART + 3])
def test_parts_are_in_order_and_bounded(count, two_threads):
    batch = np.arange(count)
    parts = in_parts(batch, lambda part: part * 2.0)
    np.testing.assert_array_equal(np.concatenate(parts), batch * 2.0)
    assert max(map(len, parts)) <= PART


def test_parts_are_computed_at_the_same_time_with_a_share_of_the_threads(two_threads):
    both = threading.Barrier(2, timeout=SECONDS)
    threads = []

    def embed(part):
        both.wait()
        threads.append(torch.get_num_threads())
        return part

    in_parts(np.zeros(4 * PART), embed)
    assert threads == [1] * 4
    assert torch.get_num_threads() == 2


def test_threads_that_start_later_have_all_threads_again(two_threads):
    in_parts(np.zeros(2 * PART), lambda part: part)
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found == [2]


def test_one_thread_computes_in_the_calling_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        names = {part[0] for part in in_parts(np.zeros(3 * PART), lambda part: [threading.current_thread().name])}
    finally:
        torch.set_num_threads(before)
    assert names == {threading.current_thread().name}


def test_an_error_of_a_part_is_raised_and_restores_the_threads(two_threads):
    def embed(part):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        in_parts(np.zeros(3 * PART), embed)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", [CHECKPOINT, "small"])
def test_vectors_are_those_of_one_part_after_the_other(name, two_threads):
    encoder = made(name)
    size = encoder.input_size
    batch = np.random.default_rng(0).integers(0, 256, (2 * PART + 5, size, size, 3), dtype=np.uint8)

    def one_by_one():
        return np.concatenate([encoder._embed(batch[start : start + PART]) for start in range(0, len(batch), PART)])

    vectors = np.concatenate(in_parts(batch, encoder._embed))
    with threads_of_torch(1):  # as many as each part has: on some CPUs, sums of two threads are rounded differently
        np.testing.assert_array_equal(vectors, one_by_one())
    np.testing.assert_allclose(vectors, one_by_one(), rtol=0, atol=5e-6)
