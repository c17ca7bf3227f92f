# Two commands on a fresh machine with Python 3.11, venv and make: `make demo`, `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
LOCK = .ci/requirements.txt
SCRIPTS = toolchain_wrappers/standin/tree/SGS_IPU_Toolchain/Scripts

.PHONY: demo test lint bench bench-engines bench-boards fuzz soak export-tools clean

demo: $(VENV)/.ready
	$(BIN)/deploy demo --out demo

test: $(VENV)/.dev
	$(BIN)/pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=.:$(SCRIPTS):$(SCRIPTS)/calibrator $(BIN)/mypy $(SCRIPTS)/*.py $(SCRIPTS)/calibrator/*.py $(SCRIPTS)/ConvertTool/*.py $(SCRIPTS)/../DumpDebug/*.py

# Beside ONNX Runtime, and beside the tools that bring files and commands to boards. Takes about an hour.
bench: bench-engines bench-boards

bench-engines: $(VENV)/.dev
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/bench/bench_float_engine.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/bench/bench_integer_engine.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/bench/bench_native.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/bench/bench_small_models.py --all

bench-boards: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python tests/bench/bench_push.py
	PYTHONPATH=. $(BIN)/python tests/bench/bench_push.py --server dropbear --delay-ms 1 --rate-mbit 100 --peer-rounds 0
	PYTHONPATH=. $(BIN)/python tests/bench/bench_commands.py
	PYTHONPATH=. $(BIN)/python tests/bench/bench_fleet.py
	PYTHONPATH=. $(BIN)/python tests/bench/bench_loop.py
	PYTHONPATH=. $(BIN)/python tests/measuring/simulate.py

# Damaged eat.img and .sim files, a million and more: about half an hour on two cores. The C runtime's own harness:
# make -C board_runner/native fuzz RUNS=10000000 SEEDS=...
fuzz: $(VENV)/.dev
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/fuzz/fuzz_image.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/fuzz/fuzz_sim.py

# A thousand pushes with random kills (needs root), two hundred power cuts of an emulated board; with CLIPS=DIR [FOLD=5] every integer engine over a folder of clips.
soak: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python tests/soak/soak_boards.py --pushes 1000
	PYTHONPATH=. $(BIN)/python tests/emulator/power_cuts.py --cuts 200
	DEPLOY_SOAK=1 $(BIN)/pytest tests/emulator
	$(if $(CLIPS),OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/soak/soak_integer.py $(CLIPS) $(if $(FOLD),--fold $(FOLD)) --calibrate 30 --exact)

# PyTorch and the ONNX tools, for `deploy export` and its tests; about 200 MB.
export-tools: $(VENV)/.dev
	$(BIN)/pip install --quiet -c .ci/torch.txt torch onnxsim

$(VENV)/.ready: pyproject.toml $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c $(LOCK) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c $(LOCK) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
