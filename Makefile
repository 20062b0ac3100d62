# Everything that needs Python packages runs in .venv, which these targets make; nothing is installed outside this directory.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-unit test-simulator test-local test-browser test-docs test-openstack soak lint format conformance bench docs sample wheel clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.base: setup.cfg setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bbq needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "could not make a virtual environment; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@echo "Installing bbq with Spark, PostgreSQL and NATS into $(VENV) (about 1 GB, once) ..."
	@$(BIN)/python -m pip install --quiet --use-pep517 --editable '.[local,spark]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "Installing the tools for tests, checks and docs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --use-pep517 --editable '.[dev]'
	@touch $@

venv: $(VENV)/.dev  ## the virtual environment with everything in it

demo: $(VENV)/.base  ## the main job: one template becomes a running Spark pipeline, and goes away again
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/packets/demo.sh

test: $(VENV)/.dev  ## every test layer that this machine can run (BBQ_REQUIRE=all: a layer left out is a failure)
	$(PYTEST) tests

test-unit test-simulator test-local test-browser test-docs: test-%: $(VENV)/.dev  ## one layer
	$(PYTEST) tests/$*

test-openstack: $(VENV)/.dev  ## on a real cloud; where none runs it starts one (Debian 12, root; installs packages of the system)
	BBQ_REQUIRE=openstack $(PYTEST) tests/openstack

soak: $(VENV)/.dev  ## the long tests: the whole kill matrix and more
	@$(BIN)/python -m pip install --quiet --use-pep517 --editable '.[soak]'
	$(PYTEST) -m soak tests

lint: $(VENV)/.dev  ## formatting, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy bbq
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

conformance: $(VENV)/.dev  ## how many templates of other projects get the right answer
	$(BIN)/python -m benchmarks.conformance

bench: $(VENV)/.dev  ## speed, as ratios against a peer or a floor in the same run
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev  ## the documentation, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "built: site/index.html"

sample: $(VENV)/.dev  ## etc/bbq/bbq.conf.sample from the options
	$(BIN)/oslo-config-generator --config-file etc/bbq/config-generator.conf

wheel: $(VENV)/.dev  ## dist/bbq-*.whl
	@rm -rf build  # else modules that were moved stay in the wheel
	$(BIN)/python -m build --wheel --outdir dist

clean:  ## remove what these targets made
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
