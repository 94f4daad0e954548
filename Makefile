# Every word here sets itself up: a fresh clone needs Python 3.11 or newer and nothing else of ours.
# The first that runs and is new enough: a version manager may put names on the path that do not.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Else each start of Tocsin would compile all of it again: a second or two.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run install test unit lint format bench docs lock vendor clean

run: $(RUN)
	@$(BIN)/tocsin demo

install: $(DEV)

$(RUN): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || \
	  { echo "Tocsin needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3 run"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock names into $(VENV) (once; later runs work offline)"
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.lock
	@echo "installing what requirements-dev.lock names into $(VENV)"
	@$(PIP) install -r requirements-dev.lock
	@touch $@

test: $(DEV)
	@scripts/test.sh

unit: $(DEV)
	$(BIN)/pytest -q -n auto --dist loadfile -m "not slow and not browser"

lint: $(DEV)
	@scripts/lint.sh

format: $(DEV)
	$(BIN)/ruff check --fix src tests bench scripts
	$(BIN)/ruff format src tests bench scripts

bench: $(DEV)
	@scripts/bench.sh

docs: $(DEV)
	$(BIN)/python -m tocsin.app.config_docs docs/configuration.md

lock:
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --extra dev --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis node_modules
