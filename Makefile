# Each target makes .venv and installs what it needs with pip, once, and again only when pyproject.toml changed.

PYTHON ?= python3
# One known version first: pip then finds torch already there, whichever build (CPU, CUDA) the machine's index serves.
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
ARTEFACTS := artefacts
PICTURE := $(ARTEFACTS)/segment_ct.png
# One click into the heart, in the chest CT that slicerio ships; RAS millimetres.
CLICKS ?= --foreground=-20,15,-190
# More options of the app: make run APP="--port 0 --no-browser".
APP ?=
CT = $$($(BIN)/python -c "from importlib.util import find_spec; print(find_spec('slicerio').submodule_search_locations[0])")/data/CTChest4.nrrd

.DEFAULT_GOAL := help
.PHONY: help run picture test lint format lists clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.installed-app  ## the browser app on a real chest CT; VOLUME=... opens your own volume
	@$(BIN)/fast3dsam app $(if $(VOLUME),"$(VOLUME)") $(APP)

picture: $(VENV)/.installed-app  ## segment the heart on the command line and draw the picture of it anew
	@mkdir -p $(ARTEFACTS) docs/images
	$(BIN)/fast3dsam segment "$(CT)" $(CLICKS) --output $(ARTEFACTS)/heart.nrrd --picture $(PICTURE)
	cp $(PICTURE) docs/images/

test: $(VENV)/.installed-test  ## run all tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-lint  ## ruff, and whether all that Slicer runs works on Python 3.9
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vermin --quiet --target=3.9- --violations --no-tips Fast3DSAM

format: $(VENV)/.installed-lint  ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lists: $(BIN)/python  ## write the file lists of Fast3DSAM/CMakeLists.txt anew from the disk
	$(BIN)/python -m Testing.cmake_lists --write

clean:  ## remove the virtual environment, caches and pictures
	rm -rf $(VENV) $(ARTEFACTS) build dist *.egg-info .pytest_cache .ruff_cache
	find Fast3DSAM Testing -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.installed-lint: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

$(VENV)/.installed-app: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --progress-bar off "$(TORCH)"
	$(BIN)/python -m pip install --progress-bar off -e ".[app]"
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --progress-bar off "$(TORCH)"
	$(BIN)/python -m pip install --progress-bar off -e ".[slicer,app,train,test]"
	@touch $@ $(VENV)/.installed-app
