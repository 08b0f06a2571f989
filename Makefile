# Everything a developer types. `make` alone says what there is.
#
# The environment in .venv is made from requirements.lock, hashes checked, and made again only when the lock or
# pyproject.toml changes. It needs nothing but make and a Python of at least 3.11. The explorer also wants node, and
# is built from src/web/package-lock.json in the same manner; without node everything else works.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.made-from-lock
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
WEB := src/web
EXPLORER := $(WEB)/dist/index.html
EXPLORER_SOURCES := $(wildcard $(WEB)/app/*) $(addprefix $(WEB)/,index.html vite.config.ts tsconfig.json package.json)
# Exit code 0 where there is a node that Vite runs on.
NODE_IS_GOOD := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)'
# Extra arguments: make serve ARGS="--port 9000", make test ARGS="tests/unit -x"
ARGS ?=

.PHONY: help serve web test check lint types contracts postgres bench lock clean

help: ## what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(READY) ## the gateway on port 8000, with a lively demo business in a fresh database
	@if ! $(NODE_IS_GOOD) 2>/dev/null; then echo "No node 20.19 or newer here: /graphql will say how to build the explorer."; \
	elif ! $(MAKE) --silent web; then echo "The explorer was not built: everything else works, and make web tries again."; fi
	$(BIN)/saifu serve --demo $(ARGS)

web: $(EXPLORER) ## the explorer's page, from src/web

# Two at a time, since much of a test is waiting.
test: $(READY) ## every test on SQLite
	$(BIN)/python -m pytest -n 2 $(ARGS)

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

bench: $(READY) ## posts, the dashboard and listeners, each against what it is measured by
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

# --custom-compile-command keeps this machine's paths and package index out of the header.
lock: $(READY) ## resolve pyproject.toml into requirements.lock again
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-strip-extras --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock $(ARGS)

clean: ## remove the environment, caches and builds; the data in .saifu stays
	rm -rf .venv dist build $(WEB)/dist $(WEB)/node_modules tests/clients/node/node_modules .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@[ -x $(BIN)/python ] || .ci/python -m venv .venv
	@echo "Installing what requirements.lock names into .venv …"
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(WEB)/node_modules/.made-from-lock: $(WEB)/package-lock.json $(WEB)/package.json $(WEB)/.npmrc
	@$(NODE_IS_GOOD) 2>/dev/null || { echo "The explorer needs node 20.19 or newer, and npm: https://nodejs.org"; exit 1; }
	@echo "Installing what $(WEB)/package-lock.json names …"
	@cd $(WEB) && npm ci --loglevel=error --prefer-offline --fetch-retries=1
	@touch $@

$(EXPLORER): $(WEB)/node_modules/.made-from-lock $(EXPLORER_SOURCES)
	@echo "Building the explorer …"
	@cd $(WEB) && npm run build --silent -- --logLevel warn
