# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    sets up and writes report.html
#   make test    sets up and passes the tests
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check format bench docs clean

demo: .venv/.demo
	$(BIN)/convscope report lite0 sample:cat sample:coffee -o report.html --open

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.test
	$(PIP) --editable ".[bench]"
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/saliency.py
	$(BIN)/python bench/attribution.py
	$(BIN)/python bench/scan.py
	$(BIN)/python bench/maximize.py
	$(BIN)/python bench/dream.py
	$(BIN)/python bench/style.py ../shared

docs: .venv/.demo
	$(BIN)/python docs/reference.py

clean:
	rm -rf .venv report.html

.venv/.demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "convscope needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	@echo "Installing convscope into .venv; PyTorch is large, so this takes a while."
	$(PIP) --editable .
	@touch $@

.venv/.test: .venv/.demo
	$(PIP) --editable '.[test,lite]'
	@touch $@
