# Every target sets up what it needs: `make run` and `make test` work in a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test test-all check lint fmt docs pictures bench crash lock clean

# More arguments for the program behind a target: make test ARGS="tests/domain -x"
ARGS ?=
JOBS ?= 2
BIN := .venv/bin
# One file's tests stay on one worker: what they share (a container, a database) is made once and met by nobody else.
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadfile

help: ## show these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 12

run: ## start Gofer: web chat, configured chat platforms, worker
	@requirements/install main
	@exec $(BIN)/gofer serve $(ARGS)

test: ## run the suite; what was skipped is listed with its reason
	@requirements/install dev
	$(PYTEST) -m "not slow" $(ARGS)

test-all: ## run the suite with its slow tests
	@requirements/install dev
	$(PYTEST) $(ARGS)

check: lint test ## all that CI checks

lint: ## style, types, arrows between rooms; changes nothing
	@requirements/install dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fmt: ## put the code into house style
	@requirements/install dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: ## write docs/settings.md, docs/cards.md and docs/surfaces.md anew
	@requirements/install dev
	$(BIN)/python -m docs.generate
	$(BIN)/python -m tests.journeys.parity

pictures: ## draw the pictures of docs/cards.md anew, in Chromium
	@requirements/install dev
	$(BIN)/python -m docs.pictures

bench: ## measure speed, size and memory against their targets
	@requirements/install dev
	$(BIN)/python -m tests.bench $(ARGS)

crash: ## kill a worker at every point of a task and look for lost or doubled effects
	@requirements/install dev
	$(BIN)/python -m tests.crash $(ARGS)

lock: ## re-make requirements/*.txt (needs uv); ARGS=--upgrade for newer versions
	@requirements/lock $(ARGS)

clean: ## remove what these targets made, the environment included
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
