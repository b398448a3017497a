"""Calls of several threads are computed together, and each gets what it would get alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from search.encoders import load_encoder
from search.encoders.joined_calls import JoinedCalls, join_calls
from tests.conftest import draw


def doubled(batch: Any) -> Any:
    time.sleep(0.01)
    return batch.astype(np.float32) * 2


def test_waiting_calls_are_joined_and_each_gets_its_own_rows() -> None:
    sizes: list[int] = []
    joined = JoinedCalls(doubled, most=8, observe=sizes.append)
    batches = [np.full((1 + number % 3, 4), number) for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(joined, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert (answer == batch * 2).all()
        assert answer.shape == batch.shape
    assert sum(sizes) == sum(map(len, batches))
    assert 1 < max(sizes) <= 8
    assert len(sizes) < len(batches)


def test_a_lone_call_does_not_wait() -> None:
    sizes: list[int] = []
    joined = JoinedCalls(lambda batch: batch, most=8, observe=sizes.append)
    began = time.perf_counter()
    for number in range(200):
        assert joined(np.full((1, 2), number))[0, 0] == number
    assert time.perf_counter() - began < 5
    assert sizes == [1] * 200
    assert len(joined(np.zeros((50, 2)))) == 50, "a call that is larger than the limit is computed as it is"


def test_shapes_are_not_mixed() -> None:
    joined = JoinedCalls(doubled, most=64)
    batches: list[Any] = [
        np.ones((1, 2 + number % 2), dtype=(np.uint8, np.float32)[number % 2]) for number in range(20)
    ]
    with ThreadPoolExecutor(20) as pool:
        assert [each.shape for each in pool.map(joined, batches)] == [each.shape for each in batches]


def test_a_call_that_fails_fails_alone() -> None:
    def compute(batch: Any) -> Any:
        time.sleep(0.005)
        if (batch < 0).any():
            raise ValueError("below zero")
        return batch

    joined = JoinedCalls(compute, most=16)

    def call(number: int) -> Any:
        return joined(np.full((1, 3), -1 if number == 7 else number))

    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(call, number) for number in range(16)]
    for number, future in enumerate(futures):
        if number == 7:
            with pytest.raises(ValueError, match="below zero"):
                future.result()
        else:
            assert future.result()[0, 0] == number


def test_the_wait_is_bounded() -> None:
    """A call waits for the batch that is computed and for those that came before it, not for later ones."""
    running, order = threading.Event(), []

    def compute(batch: Any) -> Any:
        running.set()
        time.sleep(0.05)
        order.extend(batch[:, 0].tolist())
        return batch

    joined = JoinedCalls(compute, most=2)
    threads = []
    for number in range(7):
        thread = threading.Thread(target=joined, args=(np.full((1, 1), number),))
        thread.start()
        threads.append(thread)
        running.wait()
        time.sleep(0.003)
    for thread in threads:
        thread.join()
    assert order == sorted(order)


def test_an_encoder_gives_the_same_vectors() -> None:
    encoder = load_encoder("color-layout")
    images = [draw(number) for number in range(24)]
    alone = np.concatenate([encoder.encode([image]) for image in images])
    sizes: list[int] = []
    join_calls(encoder, sizes.append)
    join_calls(encoder, sizes.append)
    with ThreadPoolExecutor(12) as pool:
        together = np.concatenate(list(pool.map(lambda image: encoder.encode([image]), images)))
    assert (alone == together).all()
    assert sum(sizes) == len(images), "joined once"
