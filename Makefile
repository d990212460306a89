# Set-up and the everyday commands. Each target makes .venv and installs what it needs first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: run check test test-slow format clean

run: $(STAMP)
	$(BIN)/rapids-rap run examples/lyrics --model demo --backend cpu --out runs/sample \
		--set input.regions=examples/regions.csv --overwrite

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy kernels

test: $(STAMP)
	$(BIN)/pytest -q -m "not slow and not gpu"

test-slow: $(STAMP)
	$(BIN)/pytest -q -m slow

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch first and alone, so that an index of its own serves nothing else: PyPI's torch for Linux is a
# CUDA build of gigabytes. With TORCH_INDEX=<PyTorch's index of CPU wheels> it is 200 MB.
$(STAMP): pyproject.toml constraints-cpu.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints-cpu.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install --quiet -c constraints-cpu.txt -e '.[cpu,train,view,dask,dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
