"""More threads than a machine can start are not asked for."""

import subprocess
import sys

import pytest

BUILD = """
import sys
import numpy as np
from search.indexes import index_class
rows = np.random.default_rng(0).standard_normal((2000, 8)).astype(np.float32)
print(index_class(sys.argv[1])(threads=1_000_000_000, M=4).build(rows).size)
"""


@pytest.mark.parametrize("kind", ["hnsw", "hnsw8", "hnswlib"])
def test_a_thousand_million_threads(kind: str) -> None:
    """They ended the process: FAISS reserves memory for each."""
    done = subprocess.run([sys.executable, "-c", BUILD, kind], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2000\n"), done.stderr
