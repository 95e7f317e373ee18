# One line each: `make help`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RIG    ?= rigs/virtual.yaml
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help venv demo test matrix lint bench soak acceptance production validation migration interrupt capture virtual check interlock docs lock clean

help:  ## list what make can do
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "cellbench needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

venv: $(STAMP)  ## the environment alone, in .venv, with the cellbench command

demo: $(STAMP)  ## a tour of 40 procedures and a production run on the virtual rack, ends with the reports
	@$(BIN)/cellbench demo

test: $(STAMP)  ## the framework's own tests and all suites on the virtual rack
	@$(PYTEST) tests suites -n auto --spare-workers 4 --rig rigs/virtual-six.yaml --share-alike --timing fast --progress off --nvm-writes refuse $(ARGS)

matrix: $(STAMP)  ## the scheduler's tests with the oldest and newest pytest and xdist
	@$(BIN)/python tests/session/matrix.py

lint: $(STAMP)  ## ruff, mypy, import contracts, house rules
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=.:src $(BIN)/lint-imports
	@$(BIN)/python tests/house/rules.py

bench: $(STAMP)  ## ratios against peers and limits, side by side
	@$(BIN)/python benchmarks/run.py $(ARGS)

soak: $(STAMP)  ## what is too long for make test: kill matrix, mutations, random bytes
	@$(BIN)/python tests/acceptance/run.py --soak $(ARGS)

acceptance: $(STAMP)  ## every bar of the project with its figure; SUBJECT=... for one subject
	@$(BIN)/python tests/acceptance/run.py $(if $(SUBJECT),--subject $(SUBJECT)) $(ARGS)

production: $(STAMP)  ## one unit through the production sequence: RIG= SLOT= SERIAL=
	@$(BIN)/cellbench production $(RIG) $(if $(SLOT),--slot $(SLOT)) $(if $(SERIAL),--serial "$(SERIAL)") $(ARGS)

validation: $(STAMP)  ## all procedures on every slot, ends with the validation report: RIG=
	@$(BIN)/cellbench validation $(RIG) $(ARGS)

migration: $(STAMP)  ## what moving from LARA-R6 to LENA-R8 changes, seen on both: RIG= (or runs: RIG="RUN RUN") [ARGS=--code DIR]
	@$(BIN)/cellbench migration $(RIG) $(ARGS)

interrupt: $(STAMP)  ## interrupt updates of expendable units at every stage, or go on with it: RIG= [UPDATE=] [SLOT=] [ARGS=]
	@$(BIN)/cellbench interrupt $(RIG) $(UPDATE) $(if $(SLOT),--slot $(SLOT)) $(ARGS)

capture: $(STAMP)  ## record what a module answers, without persons and secrets: RIG= [SLOT=] [GRADE=0..3] [ARGS=]
	@$(BIN)/cellbench capture $(RIG) $(if $(SLOT),--slot $(SLOT)) $(if $(GRADE),--grade $(GRADE)) $(ARGS)

virtual: $(STAMP)  ## a virtual rack that stays up to play with
	@$(BIN)/cellbench virtual up --slot LENA-R8 --slot LARA-R6 --dir $(or $(DIR),/tmp/cellbench-virtual) --powered $(ARGS)

check: $(STAMP)  ## validate a rig file, then reach its instruments and ports without touching the unit: RIG=
	@$(BIN)/cellbench check $(RIG) $(ARGS)

interlock: $(STAMP)  ## switch each slot on alone and see that only its own wires tell of it: RIG= [SLOT=] [ARGS=--yes]
	@$(BIN)/cellbench rig interlock $(RIG) $(if $(SLOT),--slot $(SLOT)) $(ARGS)

docs: $(STAMP)  ## write the generated pages (rig file, limits, virtual module's settings)
	@$(BIN)/cellbench docs

lock: $(STAMP)  ## write requirements.lock anew (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra dev --extra virtual pyproject.toml -o requirements.lock

clean:  ## remove the environment and everything generated
	@rm -rf $(VENV) reports/out build dist src/*.egg-info
