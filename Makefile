# Each target starts from an empty machine that has only Python >= 3.11, git and make.
# PYTHON=/path/to/python3 chooses another Python; ARGS='…' are passed on (make test-fast ARGS='-k redact').

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-unit test-system test-browser test-matrix test-pythons test-all check-tests lint types lock generate bench clean venv

demo: venv ## real MCP servers, 90 days of made-up users, and the web admin over both
	@$(BIN)/cortex-otel demo --serve $(ARGS)

test-fast: venv ## the loop: unit tests but for those of hundreds of cases, in under a minute
	@JOBS=$${JOBS:-2} .ci/tests 'unit and not thorough and not timing' -q $(ARGS)

test-unit: venv ## every test that runs in one process
	@JOBS=$${JOBS:-2} .ci/tests 'unit' -q $(ARGS)

test-system: venv ## those that start servers, hosts and programs of other people
	@.ci/tests 'system and not browser and not stacks' $(ARGS)

test-browser: venv ## those that drive Chromium
	@.ci/tests 'browser and not stacks' $(ARGS)

test-matrix: venv ## the whole matrix of MCP stacks, transports and servers of other people
	@AHEAD=1 .ci/tests 'stacks' $(ARGS)

test-pythons: venv ## what runs in a host, on every other Python from 3.11 up that can be had
	@.ci/pythons $(ARGS)

test: lint types ## everything that must pass: lint, types, all tests but the whole matrix
	@AHEAD=1 .ci/tests 'not matrix' $(ARGS)

test-all: lint types ## the same with the whole matrix
	@AHEAD=1 .ci/tests 'unit or not unit' $(ARGS)

check-tests: venv ## change the code of process, receive and query; does a test mind? (not in CI)
	@nice $(BIN)/python tests/mutation/run.py $(ARGS)

lint: venv ## ruff, format, the import contracts, the registry, and the texts in both languages
	@$(BIN)/ruff check && $(BIN)/ruff format --check --quiet && $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m telemetry.generate --check && $(BIN)/python tools/texts.py --check

types: venv ## mypy, strict
	@$(BIN)/mypy

lock: venv ## pin what pyproject.toml asks for (ARGS=--upgrade for the newest)
	@$(COMPILE) pyproject.toml --all-extras --group dev -o requirements/dev.lock
	@echo uv | $(COMPILE) - --constraint requirements/dev.lock -o requirements/uv.lock

generate: venv ## write all that is made of the registry, the texts, the settings, the questions and the pages
	@$(BIN)/python -m telemetry.generate && $(BIN)/python tools/texts.py
	@$(BIN)/python docs/generate.py && $(BIN)/python -m cortex_otel.show.grafana

bench: venv ## every benchmark, and docs/performance.md from them (ARGS=--quick for a try)
	@$(BIN)/python benchmarks/run.py $(ARGS)

clean: ## delete what the other targets made
	@rm -rf .venv .stacks .demo dist build extension/node_modules extension/dist .screenshots .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache && find . -name __pycache__ -prune -exec rm -rf {} +

venv:
	@.ci/venv $(if $(CI),wheel,editable)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
