# Every target does its own set-up: it needs Python 3.11 or later, make and git, and a package index pip knows of.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test test-slow bench lint docs system-packages clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       write a synthetic dose report and map it, into demo/"
	@echo "make test       house rules, types and the quick tests"
	@echo "make test-slow  the tests that take minutes"
	@echo "make bench      speed and memory beside the peer's, in the same minute"
	@echo "make lint       house rules and types only"
	@echo "make docs       draw the pictures of docs/ anew"
	@echo "make clean      remove the environment and everything made"

# One environment for all; made again when the dependencies change.
$(READY): pyproject.toml constraints.txt
	@sh scripts/make_venv.sh $(PYTHON) .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

system-packages:
	@sh scripts/system_packages.sh

demo: $(READY)
	$(BIN)/skindose demo --out demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

test: $(READY) system-packages lint
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" --durations=10

test-slow: $(READY) system-packages
	$(BIN)/python -m pytest -m slow --durations=20

bench: $(READY)
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

docs: $(READY)
	@set -e; for script in scripts/draw_*.py; do $(BIN)/python $$script; done

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist demo results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
