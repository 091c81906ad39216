# `make` alone lists the commands. Each makes what it needs first: python3 (3.11 or newer), git and a package index are enough.
PYTHON ?= python3
BIN := .venv/bin
TEMPLATE := {{cookiecutter.project_slug}}
BOOTSTRAP := $(PYTHON) "$(TEMPLATE)/scripts/bootstrap.py" --root .
DEMO := build/handbook-answers
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help demo test sabotage lint ledger release lock refresh clean env env-dev

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: env ## bake a service with the default answers into build/ and let it answer three questions
	@$(BIN)/python scripts/bake.py build
	@$(MAKE) --no-print-directory -C "$(DEMO)" demo

# Beside each other: what is made, checked and typed in a service leaves a core free for the generator's tests.
test: lint ## everything: the generator's tests, and the generated service's own checks and tests
	@mkdir -p build
	@$(BIN)/python -m pytest --ignore=tests/test_service.py >build/generator-tests.txt 2>&1 & generator=$$!; \
	trap "kill $$generator" INT TERM; \
	$(BIN)/python -m pytest tests/test_service.py; service=$$?; \
	wait $$generator; generator=$$?; cat build/generator-tests.txt; \
	[ $$service = 0 ] && [ $$generator = 0 ] && $(BIN)/python -m scripts.release --note-tests

sabotage: env-dev ## take controls of a baked service away, one by one, and see that its tests notice; half an hour
	@$(BIN)/python scripts/sabotage.py

lint: env-dev
	@$(BIN)/ruff check hooks tests scripts benchmarks
	@$(BIN)/ruff format --check hooks tests scripts benchmarks
	@$(BIN)/mypy

ledger: env-dev ## UPGRADES.yaml: what git knows of the newest version; then write what owners have to do
	@$(BIN)/python -m scripts.ledger

release: env-dev ## date, changelog, commit and tag of the newest version in UPGRADES.yaml, once make test has passed
	@$(BIN)/python -m scripts.release

lock: env-dev ## the locks of template and service anew
	@$(BIN)/python "$(TEMPLATE)/scripts/lock.py"
	@$(BIN)/python "$(TEMPLATE)/scripts/lock.py" --root .

refresh: env-dev ## all locks with the newest versions that are old enough, then make test; what changed in build/refresh.md
	@$(BIN)/python -m scripts.refresh

clean: ## remove what was built
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

env:
	@$(BOOTSTRAP) requirements/run.lock

env-dev:
	@$(BOOTSTRAP) requirements/dev.lock
