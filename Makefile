PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHONS := 3.10 3.11 3.12 3.13

.PHONY: help setup tour notebooks test test-notebooks test-site test-postgres test-long test-all site site-serve lint type format bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(INSTALLED)  ## the virtual environment .venv with everything in it

# Touched last, so that an interrupted installation is done again.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt "torch>=2.8,<2.14"
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[zoo,watch,notebooks,distributed,docs,dev]"
	touch $@

tour: setup  ## every lesson in order, with few steps
	$(BIN)/python lessons/tour.py

notebooks: setup  ## every lesson as a notebook, in notebooks/
	$(BIN)/python lessons/notebooks.py

test: setup  ## the tests, 4 to 12 minutes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not postgres and not browser and not notebooks and not long"

test-postgres: setup  ## the tests of studies that need a PostgreSQL server's programs
	$(BIN)/python -m pytest -m postgres

test-notebooks: setup  ## every notebook with few steps
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "notebooks and not long"

test-site: setup  ## the tests in a browser, which need Chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile -m browser

test-long: setup  ## what is worth running before a release: long comparisons, trainings killed again and again
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

test-all: $(PYTHONS:%=test-%)  ## installation, a first command and the fast tests on every Python

# Each in a virtual environment of its own, with python3.X of pyenv, or else of the PATH.
test-%:
	@for python in python$* "$$(pyenv root 2>/dev/null)"/versions/$*.*/bin/python; do \
		if "$$python" -c "import venv" 2>/dev/null; then found=$$python; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python $* is not installed; it is needed for make $@" >&2; exit 1; fi; \
	$(MAKE) --no-print-directory setup PYTHON="$$found" VENV=.venv-$*
	.venv-$*/bin/rlbreakout evaluate random --games 10
	.venv-$*/bin/python -m pytest -n 2 --dist loadfile -m "not postgres and not browser and not notebooks and not long"

site: setup  ## the website, in site/
	$(BIN)/python website/build.py

site-serve: setup  ## the website on this computer, built anew on each change
	$(BIN)/python website/build.py --serve

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: setup  ## mypy
	$(BIN)/mypy
	printf '%s\n' lessons/*.py lessons/*/*.py exercises/[0-9]*.py exercises/answers/*.py | xargs -n 1 -P 2 $(BIN)/mypy

format: setup  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## how fast this machine is
	$(BIN)/rlbreakout bench

clean:  ## remove what can be made again; runs/ stays
	rm -rf $(VENV) $(PYTHONS:%=.venv-%) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache
