# Everything from a clean checkout: each target first makes .venv from the pinned constraints, once.
PYTHON ?= python3
RECIPE ?= recipes/cwola.yaml
ARGS ?=
INPUTS ?= 1000
WORKERS ?= 2
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # the many processes of the tests would compile everything again

.DEFAULT_GOAL := help
.PHONY: help install run test lint types imports pytest bench fuzz clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed  ## .venv with lblhep and its pinned packages (PYTHON=python3.12 picks another Python)

run: .venv/installed  ## lblhep run recipes/cwola.yaml (RECIPE=... ARGS="--profile smoke" change that)
	$(BIN)/lblhep run $(RECIPE) $(ARGS)

test: lint types imports pytest  ## everything that must pass: lint, types, import contracts, tests

lint: .venv/installed  ## ruff: faults and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed  ## mypy --strict on lblhep/
	$(BIN)/mypy

imports: .venv/installed  ## who may import whom (pyproject.toml, importlinter)
	$(BIN)/lint-imports

# Each process computes in one thread; the tests of one file, and all that use Ray, run in one process.
pytest: .venv/installed  ## the tests alone, in two processes (WORKERS=0: in one; ARGS="-k recipe" picks some)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder --durations 20 $(ARGS)

bench: .venv/installed  ## the benchmarks alone, which are no part of test: ratios of speed, printed and judged
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m benchmark -s tests/benchmarks $(ARGS)

fuzz: .venv/installed  ## 1,000 wild inputs for each verb and each kind of mutated recipe (INPUTS=100: fewer)
	OMP_NUM_THREADS=1 LBLHEP_WILD_INPUTS=$(INPUTS) $(BIN)/python -m pytest -s tests/cli/test_wild_inputs.py tests/recipe/test_mutations.py $(ARGS)

clean:  ## remove the environment and the caches, never mlruns/ or data_cards/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# The stamp is written last: an installation that was cut off is done again.
.venv/installed: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "lblhep needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	@touch $@
