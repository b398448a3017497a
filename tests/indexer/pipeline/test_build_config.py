"""Invalid settings are refused before any work, whichever door they come through."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexer
from indexer.exchange.config import ImportConfig
from search import QueryError
from search.config import BuildConfig
from tests.conftest import FAST


@pytest.mark.parametrize("recall", [95, -1, True, float("nan"), "0.9", None])
@pytest.mark.parametrize("config", [BuildConfig, ImportConfig])
def test_a_recall_that_is_none(config: Any, recall: object) -> None:
    with pytest.raises(QueryError, match="recall must be a number from 0 to 1, not "):
        config(recall=recall)


@pytest.mark.parametrize("memory", [-1, 0, 1e9, True, "2GB"])
def test_a_memory_limit_that_is_none(memory: Any) -> None:
    with pytest.raises(QueryError, match="memory must be a whole number of at least 1, not "):
        BuildConfig(memory=memory)


def test_numbers_of_numpy(pictures: Path, tmp_path: Path) -> None:
    numbers: Any = {"recall": np.float32(0.5), "memory": np.int64(10**9)}
    config = replace(FAST, kind="pq4", **numbers)
    assert indexer.build(pictures, tmp_path / "i", config).images == 12
    assert (config.recall, config.memory) == (0.5, 10**9)
