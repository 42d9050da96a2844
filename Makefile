# Everything a fresh machine with Python, make and gcc needs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
OUT ?= out/demo
WORKERS ?= 4
# Every process that a run or a test starts reads the bytecode of the first; without it each compiles 90,000 lines anew.
export PYTHONDONTWRITEBYTECODE :=
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --upgrade

.PHONY: help demo test check tools lock clean
help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("ILES needs Python >= 3.11, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# merkletools declares pysha3, which does not build; so the lock is installed without resolving (docs/decisions.md).
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.installed ## set up, then run one day at Strem
	$(BIN)/iles run strem --out $(OUT)

test: check tools ## set up, lint, types, import rules and all tests, four at a time (WORKERS=4)
	$(BIN)/python -m pytest -n $(WORKERS)

check: $(VENV)/.dev ## set up, then lint, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Where they may not be installed (no apt, not root) those tests skip and say so; with CI=true a skip is a failure.
tools: ## what some tests talk to, on Debian and as root: Mosquitto, and Chromium for the portal's pages
	@for tool in mosquitto chromium; do \
		if PATH="$$PATH:/usr/sbin" command -v $$tool >/dev/null; then :; \
		elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			(apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$tool) >/dev/null \
				|| echo "$$tool could not be installed: its tests will skip"; \
		else echo "$$tool is missing and only root may install it: its tests will skip"; fi; \
	done

lock: $(VENV)/.dev ## renew the lock files (all platforms, hashes, no host)
	$(BIN)/uv pip compile $(LOCK) --extra bench -o requirements.lock pyproject.toml --group build
	$(BIN)/uv pip compile $(LOCK) -c requirements.lock -o requirements-dev.lock --group dev

clean: ## remove what make made
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
