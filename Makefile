# make demo    index the sample collection, answer a query, serve the app on 127.0.0.1:8501
# make test    the tests
# make browser the tests of the app in a headless Chromium (Debian's package chromium)
# make check   format, lint, types, tests: what CI runs
# Each does its own set-up in .venv. Milvus Lite is installed without its dependencies, because faiss-cpu, which is one
# of them, would overwrite the files of faiss-gpu.
# The tests start hundreds of processes, which keep what Python compiled, whatever PYTHONDONTWRITEBYTECODE says.
# Needed: Python 3.11 or newer with venv and headers, a C++ compiler, make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test browser check format lint types clean

demo: $(READY)
	$(BIN)/twinlens demo

test: $(READY)  # several processes at once: threads of libraries that wait busily would slow the others down
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(PYTEST)

browser: $(READY)
	$(PYTEST) -m "browser and not slow"

check: format lint types test browser

format: $(READY)
	$(BIN)/ruff format --check

lint: $(READY)
	$(BIN)/ruff check

types: $(READY)
	$(BIN)/mypy

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "milvus-lite>=3.2"
	touch $@

clean:
	rm -rf $(VENV) data/sample.index .cache
