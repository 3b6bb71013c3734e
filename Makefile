PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup tour test lint type format bench clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(INSTALLED)  ## the virtual environment .venv with everything in it

# Touched last, so that an interrupted installation is done again.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch>=2.8,<2.14"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[zoo,distributed,dev]"
	touch $@

tour: setup  ## every lesson in order, with few steps
	$(BIN)/python lessons/tour.py

test: setup  ## the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: setup  ## mypy
	$(BIN)/mypy
	for script in lessons/*.py lessons/*/*.py; do $(BIN)/mypy $$script || exit 1; done

format: setup  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## how fast this machine is
	$(BIN)/rlbreakout bench

clean:  ## remove what can be made again; runs/ stays
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
