# make demo: from a fresh clone to a report page.  make test: the whole suite.  make help: the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := true
export KEDRO_DISABLE_TELEMETRY := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export ITERATIVE_DO_NOT_TRACK := 1
# Two cores: one thread a process unless a stage asks for more; the same sums in the same order.
export OMP_NUM_THREADS ?= 1

COHORT ?= synthetic
JOBS ?= 1
EXAMPLES ?= 200
DRY ?=
TABLES := $(shell sed -n "s/^  \([a-z][a-z0-9_]*\):.*/\1/p" conf/base/parameters_tables.yml)

# Which build of torch: left out, what pip finds first, on Linux PyPI's for CUDA with some 15 packages of nvidia's, whose
# releases torch itself names; `cpu`, that of PyTorch's own index (or a mirror's: TORCH_INDEX), a tenth of the size; `cuda`,
# the first again, refused where it is none. The environment keeps what was chosen; another choice makes it anew.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
CHOSEN := $(shell cat $(VENV)/torch 2> /dev/null)
TORCH ?= $(CHOSEN)
ifneq ($(filter-out cpu cuda,$(TORCH)),)
$(error TORCH=$(TORCH): cpu or cuda is wanted)
endif
ifneq ($(TORCH),$(CHOSEN))
.PHONY: $(VENV)/installed
ANEW := --clear
endif
# Without what torch needs: requirements.lock has all of that.
INDEX := $(if $(filter cpu,$(TORCH)),--no-deps --index-url "$(TORCH_INDEX)")

CODIESP ?= ../shared/data/codiesp/codiesp_v4.zip
CANTEMIST ?= ../shared/data/cantemist/cantemist.zip

.PHONY: help environment demo notebook real rehearsal tables $(TABLES) raw-files test test-slow test-browser fuzz lint docs hashes mlflow clean
.NOTPARALLEL:  # two `dvc repro` of the same stages refuse each other; JOBS=4 puts the trainings of a table side by side
.DEFAULT_GOAL := help

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

environment: $(VENV)/installed  ## the Python environment, from requirements.lock: TORCH=cpu or cuda, if it matters which
	@$(if $(filter environment,$(MAKECMDGOALS)),$(TO_ACTIVATE))

TO_ACTIVATE = echo "isd, kedro, dvc and python in this shell, once in each: . $(VENV)/bin/activate"

$(VENV)/installed: requirements.lock requirements-torch.lock pyproject.toml
	@echo "Making the environment in $(VENV) (two to four minutes, once)"
	@$(PYTHON) -m venv $(ANEW) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INDEX) --requirement requirements-torch.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@test -z "$(TORCH)" || $(BIN)/python -c "$$OF_KIND"
	@test -z "$(TORCH)" || echo $(TORCH) > $(VENV)/torch
	@touch $@

define OF_KIND
import sys, torch
kind = "cuda" if torch.version.cuda else "cpu"
if kind != "$(TORCH)":
    sys.exit(f"TORCH=$(TORCH): torch {torch.__version__} is a build for {kind}; leave TORCH out to take it, or name another index")
endef
export OF_KIND

DEMO_BUNDLE := bundles/synthetic-ensemble_isd-1
DEMO_PAGE := data/08_reporting/synthetic/note.html

demo: environment  ## the synthetic hospital through the whole pipeline, to a report page and a coded note
	@isd study synthetic --dry-run demo
	@isd repair
	@dvc --wait-for-lock repro
	@isd bundle synthetic ensemble_isd --force > /dev/null
	@isd code $(DEMO_BUNDLE) studies/synthetic/note.txt --to $(DEMO_PAGE) --force > /dev/null
	@echo
	@isd summary synthetic
	@echo "A coded note:  $(CURDIR)/$(DEMO_PAGE)"
	@echo
	@echo "Next:"
	@echo "  . $(VENV)/bin/activate                 isd, kedro, dvc and python in this shell, once in each"
	@echo "  make notebook                         from a raw note to its codes, step by step"
	@echo "  isd show synthetic isd                every setting of a model, and where each comes from"
	@echo "  isd code $(DEMO_BUNDLE) data/note.txt --to data/note.html   a note that you wrote"

tables: $(TABLES)  ## the paper's tables of one cohort: COHORT=mimic3_50, JOBS=4 for four trainings at once, DRY=1 to be told alone

raw-files:  # told before the environment takes its minutes
	@studies/raw_files "$(COHORT)"

$(TABLES): $(if $(DRY),,raw-files) environment  # or one of them: make table3 COHORT=mimic3_50
	@isd study $(COHORT) --dry-run $@ --jobs $(JOBS)
ifeq ($(DRY),)
	@isd repair
	@isd study $(COHORT)
	@test $(JOBS) = 1 || studies/side_by_side $(COHORT) $@ $(JOBS)
	@dvc --wait-for-lock repro studies/$(COHORT)/dvc.yaml:$@
	@isd summary $(COHORT)
endif

CODIESP_ZIPS := data/01_raw/codiesp_50/codiesp_v4.zip data/01_raw/codiesp_full/codiesp_v4.zip

real: $(if $(DRY),,$(CODIESP_ZIPS)) environment  ## a first look on CodiEsp: CODIESP=path/to/codiesp_v4.zip, and JOBS and DRY as for tables
	@isd study codiesp_50 --dry-run ensembles --jobs $(JOBS)
	@isd study codiesp_full --dry-run ours --jobs $(JOBS)
ifeq ($(DRY),)
	@isd repair
	@isd study codiesp_50 codiesp_full
	@test $(JOBS) = 1 || studies/side_by_side codiesp_50 ensembles $(JOBS)
	@test $(JOBS) = 1 || studies/side_by_side codiesp_full ours $(JOBS)
	@dvc --wait-for-lock repro studies/codiesp_50/dvc.yaml:ensembles studies/codiesp_full/dvc.yaml:ours
	@isd summary codiesp_50
	@isd summary codiesp_full
endif

rehearsal: environment  ## the whole road on a made hospital of MIMIC-III's size, each stage measured: JOBS=2, NOTES=640 to train on few
	@python studies/rehearsal.py --jobs $(JOBS) $(if $(NOTES),--notes $(NOTES))

export CODIESP CANTEMIST  # read by the shell, to which a blank or a quote in a path is none of its own

data/01_raw/%/codiesp_v4.zip:
	@test -f "$$CODIESP" || { echo "$$CODIESP: not there. docs/data.md says how to get CodiEsp; then: make real CODIESP=path/to/codiesp_v4.zip"; exit 1; }
	@mkdir -p $(@D)
	@ln -sfn "$$(realpath "$$CODIESP")" $@

data/01_raw/%/cantemist.zip:
	@test -f "$$CANTEMIST" || { echo "$$CANTEMIST: not there. docs/data.md says how to get CANTEMIST; then: make $@ CANTEMIST=path/to/cantemist.zip"; exit 1; }
	@mkdir -p $(@D)
	@ln -sfn "$$(realpath "$$CANTEMIST")" $@

# JupyterLab saves by itself what is open: a copy, so that git sees no change.
notebook: environment  ## the first look, in a browser: installs jupyterlab, if it is not there
	@test -x $(BIN)/jupyter-lab || $(BIN)/python -m pip install --quiet --disable-pip-version-check "jupyterlab>=4.4,<5"
	@mkdir -p scratch && { test -e scratch/01_first_look.ipynb || cp notebooks/01_first_look.ipynb scratch/; }
	@jupyter lab scratch/01_first_look.ipynb

test: environment  ## every check and the whole test suite
	@ruff check . && ruff format --check .
	@mypy
	@lint-imports
	@command -v chromium > /dev/null || command -v google-chrome > /dev/null || echo "No Chromium here: the tests of the screen in a browser are skipped"
	@echo "Now the tests: about a quarter of an hour on two cores"
	@python -m pytest --numprocesses=2 --dist=loadfile --nbmake tests notebooks

test-slow: environment  ## the tests that take minutes each
	@python -m pytest -m slow

test-browser: environment  ## the coder's screen in a browser: needs Chromium (apt install chromium)
	@python -m pytest -m browser -rs tests/desk

fuzz: environment  ## minutes of made-up requests to the API of isd serve: EXAMPLES=200 of each kind
	@FUZZ_EXAMPLES=$(EXAMPLES) python -m pytest --timeout=0 tests/service/test_fuzz.py

lint: environment  ## format, then check
	@ruff format . && ruff check --fix . && mypy && lint-imports

docs: environment  ## the documentation as a site that needs no network: site/index.html
	@NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "site/index.html"

hashes:  ## write the hashes of requirements.lock anew, after a version in it was changed: needs uv
	@grep -o '^[^ #]*==[^ ;]*' requirements.lock | uv pip compile - --quiet --no-deps --generate-hashes --no-annotate --no-header --python-version 3.11 --output-file $(VENV)/hashed
	@{ grep '^#' requirements.lock; cat $(VENV)/hashed; } > $(VENV)/lock && mv $(VENV)/lock requirements.lock && rm $(VENV)/hashed

mlflow: environment  ## MLflow on this machine, opened where the runs are; `isd compare COHORT` compares them
	@isd compare --no-browser

clean:  ## remove what runs made, keep data and the environment
	rm -rf scratch mlruns site .pytest_cache .mypy_cache .ruff_cache .hypothesis
