# Two commands on a fresh machine with Python 3.11, venv and make: `make demo`, `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
LOCK = .ci/requirements.txt
SCRIPTS = toolchain_wrappers/standin/tree/SGS_IPU_Toolchain/Scripts

.PHONY: demo test lint bench fuzz soak export-tools clean

demo: $(VENV)/.ready
	$(BIN)/deploy demo --out demo

test: $(VENV)/.dev
	$(BIN)/pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=.:$(SCRIPTS):$(SCRIPTS)/calibrator $(BIN)/mypy $(SCRIPTS)/*.py $(SCRIPTS)/calibrator/*.py $(SCRIPTS)/ConvertTool/*.py

bench: $(VENV)/.dev
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/bench/bench_float_engine.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/bench/bench_integer_engine.py

# Damaged eat.img files, a million of them: about twenty minutes on two cores.
fuzz: $(VENV)/.dev
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/fuzz/fuzz_image.py
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/fuzz/fuzz_sim.py

# Every integer engine over a folder of clips: make soak CLIPS=DIR [FOLD=5]
soak: $(VENV)/.dev
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/soak/soak_integer.py $(CLIPS) $(if $(FOLD),--fold $(FOLD)) --calibrate 30 --exact

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
