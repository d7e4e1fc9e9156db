# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    sets up and explores lite0 in the browser
#   make test    sets up and passes the tests
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
PAGE := src/convscope/fronts/server/static/index.html
SOURCES := $(shell find web -name node_modules -prune -o -type f -print)

.PHONY: demo test sweep check format bench docs clean

demo: .venv/.demo $(PAGE)
	$(BIN)/convscope explore lite0

test: check .venv/.browser
	$(BIN)/python web/build.py test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --max-worker-restart=0

# Every property with many examples, and every case of which `make test` runs some: too long to wait for at each change.
sweep: .venv/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --max-worker-restart=0 \
	    -m "sweep or hypothesis" --hypothesis-profile=sweep

check: .venv/.test $(PAGE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python web/build.py check

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python web/build.py format

bench: .venv/.test
	$(PIP) --editable ".[bench]"
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/saliency.py
	$(BIN)/python bench/attribution.py
	$(BIN)/python bench/scan.py
	$(BIN)/python bench/representation.py
	$(BIN)/python bench/maximize.py
	$(BIN)/python bench/dream.py
	$(BIN)/python bench/explorer.py
	$(BIN)/python bench/style.py ../shared
	$(BIN)/python bench/endurance.py

docs: .venv/.demo
	$(BIN)/python docs/reference.py

clean:
	rm -rf .venv web/node_modules $(dir $(PAGE)) src/convscope/view/static report.html

$(PAGE): $(SOURCES) | .venv/.demo
	$(BIN)/python web/build.py

.venv/.demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "convscope needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	@echo "Installing convscope into .venv; PyTorch is large, so this takes a while."
	$(BIN)/python web/build.py needs | xargs -r $(PIP)
	$(PIP) --editable .
	@touch $@

.venv/.test: .venv/.demo
	$(PIP) --editable '.[test,lite]'
	@touch $@

# The browser tests want a Chromium; they say so and are skipped where none can be had.
.venv/.browser: .venv/.test
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; } || echo "no Chromium: browser tests are skipped"
	@touch $@
