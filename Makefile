# Everything a developer types. `make` alone says what there is.
#
# The environment in .venv is made from requirements.lock, hashes checked, and made again only when the lock or
# pyproject.toml changes. It needs nothing but make and a Python of at least 3.11.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.made-from-lock
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
# Extra arguments: make serve ARGS="--port 9000", make test ARGS="tests/unit -x"
ARGS ?=

.PHONY: help serve test check lint types contracts postgres bench lock clean

help: ## what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(READY) ## the gateway on port 8000, with a lively demo business in a fresh database
	$(BIN)/saifu serve --demo $(ARGS)

test: $(READY) ## every test on SQLite
	$(BIN)/python -m pytest $(ARGS)

check: lint types contracts postgres ## all that CI asks besides the tests

lint: $(READY) ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## strict types
	$(BIN)/mypy

contracts: $(READY) ## who may import whom
	PYTHONPATH=.:src $(BIN)/lint-imports --no-logo --no-cache

postgres: $(READY) ## the tests of the store, the API and the scenarios on PostgreSQL
	$(BIN)/python .ci/postgres.py $(ARGS)

bench: $(READY) ## ledger posts through GraphQL against the raw database
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

# --custom-compile-command keeps this machine's paths and package index out of the header.
lock: $(READY) ## resolve pyproject.toml into requirements.lock again
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-strip-extras --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock $(ARGS)

clean: ## remove the environment, caches and builds; the data in .saifu stays
	rm -rf .venv dist build .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@[ -x $(BIN)/python ] || .ci/python -m venv .venv
	@echo "Installing what requirements.lock names into .venv …"
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
