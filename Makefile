# Every target sets itself up: `make up` on a fresh machine needs Python 3.11 or later and nothing else.
STACK ?= local
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m cli

.PHONY: help up down plan preview deploy destroy env docs costs check format lint types test test-quick bench lock clean

help:
	@echo "make up | down                      the stack local, on the emulator on this machine"
	@echo "make plan STACK=dev                 tree, counts, policies and picture; no engine, account or credentials"
	@echo "make preview|deploy|destroy STACK=… a stack of a real account"
	@echo "make env STACK=… [SECRETS=1]        shell exports for an MLflow client"
	@echo "make check                          format, lint, types, all tests (what CI runs)"
	@echo "make test | test-quick              all tests | those without engine and services"
	@echo "make bench | docs | costs           figures | docs/configuration.md | docs/costs.md"

$(VENV)/.installed: requirements.lock requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

up: $(VENV)/.installed
	@$(RUN) up

down: $(VENV)/.installed
	@$(RUN) down

plan: $(VENV)/.installed
	@$(RUN) plan --stack $(STACK)

preview: $(VENV)/.installed
	@$(RUN) preview --stack $(STACK)

deploy: $(VENV)/.installed
	@$(RUN) deploy --stack $(STACK) $(if $(YES),--yes)

destroy: $(VENV)/.installed
	@$(RUN) destroy --stack $(STACK) $(if $(YES),--yes)

env: $(VENV)/.installed
	@$(RUN) env --stack $(STACK) $(if $(SECRETS),--secrets)

docs: $(VENV)/.installed
	@$(RUN) docs

costs: $(VENV)/.installed
	@$(BIN)/python -m cli.costs

format: $(VENV)/.installed
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed
	$(BIN)/ruff check .

types: $(VENV)/.installed .venv-mlflow/.installed
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project services/mlflow
	$(BIN)/basedpyright --project examples/mlflow

.venv-mlflow/.installed: services/mlflow/requirements.lock $(VENV)/.installed
	$(PYTHON) -m venv .venv-mlflow
	.venv-mlflow/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r services/mlflow/requirements.lock
	@touch $@

# Engine tests wait for the provider's polling most of the time, so several run side by side.
test: $(VENV)/.installed .venv-mlflow/.installed
	$(BIN)/python -m pytest tests/unit tests/program --numprocesses 2
	$(BIN)/python -m pytest tests/services
	$(BIN)/python -m pytest tests/engine --numprocesses 5 --dist load

test-quick: $(VENV)/.installed
	$(BIN)/python -m pytest tests/unit tests/program

check: format lint types test

bench: $(VENV)/.installed .venv-mlflow/.installed
	$(BIN)/python -m bench.plan
	$(BIN)/python -m bench.service

lock: $(VENV)/.installed
	$(BIN)/uv pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 requirements.txt -o requirements.lock
	$(BIN)/uv pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 requirements.txt requirements-dev.txt -o requirements-dev.lock

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
