# Every target sets itself up: `make up` on a fresh machine needs Python 3.11 or later and nothing else.
STACK ?= local
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m cli

# Every preview and update starts the program, the packs and the emulator anew. Where what they import is not kept
# compiled, most of their time goes into compiling it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down plan preview deploy destroy policy policy-state peers env dns login token logout docs costs \
	metaflow doctor tools \
	check format lint types test test-engine test-program test-services test-quick bench lock clean

help:
	@echo "make up | down                      the stack local, on the emulator on this machine"
	@echo "make plan STACK=dev                 tree, counts, policies and picture; no engine, account or credentials"
	@echo "make preview|deploy|destroy STACK=… a stack of a real account"
	@echo "make policy STACK=dev               policies alone: text here, JSON and SARIF in build/policy"
	@echo "make policy-state FILE=state.json   the same for what pulumi stack export wrote, on the engine"
	@echo "make peers                          what checkov, parliament and cloudsplaining say of the stacks"
	@echo "make env STACK=… [SECRETS=1]        shell exports for clients of MLflow and Metaflow"
	@echo "make metaflow STACK=… [PROFILE=…]    Metaflow's configuration file, checked; CHECK=1, YES=1, ROLE=1"
	@echo "make doctor STACK=…                 whether Metaflow's jobs can start, and why not"
	@echo "make dns STACK=… [RESOLVER=1.1.1.1] a stack's DNS entries as a zone file, and whether they resolve yet"
	@echo "make login STACK=… [NO_BROWSER=1]    log in; CONFIG=<address of the page> instead of STACK without the state"
	@echo "make token|logout STACK=…           a token for curl and others | end the login"
	@echo "make check                          format, lint, types, all tests (what CI runs)"
	@echo "make test | test-quick              all tests | those without engine and services"
	@echo "make bench | docs | costs           figures | docs/configuration.md | docs/costs.md"

# uv installs in seconds what takes pip minutes; where it cannot reach the index that pip is configured for, pip does it.
UV := .venv-uv/bin/uv
install = $(UV) pip install --quiet --python $(1)/bin/python --require-hashes -r $(2) || \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)

$(UV): requirements-uv.lock
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.installed: requirements.lock requirements-dev.lock $(UV)
	$(PYTHON) -m venv $(VENV)
	$(call install,$(VENV),requirements-dev.lock)
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

policy: $(VENV)/.installed
	@$(BIN)/python -m cli.policy program --stack $(STACK)

policy-state: $(VENV)/.installed
	@$(BIN)/python -m cli.policy state --file $(or $(FILE),$(error FILE=… names what `pulumi stack export` wrote))

peers: $(VENV)/.installed .venv-peers/.installed
	@$(BIN)/python -m peers local dev prod

env: $(VENV)/.installed
	@$(RUN) env --stack $(STACK) $(if $(SECRETS),--secrets)

metaflow: $(VENV)/.installed
	@$(RUN) metaflow configure --stack $(STACK) $(if $(PROFILE),--profile $(PROFILE)) $(if $(YES),--yes) \
		$(if $(CHECK),--check) $(if $(ROLE),--role)

doctor: $(VENV)/.installed
	@$(RUN) doctor --stack $(STACK)

dns: $(VENV)/.installed
	@$(RUN) dns --stack $(STACK) $(if $(RESOLVER),--resolver $(RESOLVER))

login: $(VENV)/.installed
	@$(RUN) login $(if $(CONFIG),--config $(CONFIG),--stack $(STACK)) $(if $(NO_BROWSER),--no-browser)

token: $(VENV)/.installed
	@$(RUN) token --stack $(STACK)

logout: $(VENV)/.installed
	@$(RUN) logout --stack $(STACK)

docs: $(VENV)/.installed
	@$(RUN) docs

costs: $(VENV)/.installed
	@$(BIN)/python -m cli.costs

format: $(VENV)/.installed
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed
	$(BIN)/ruff check .

types: $(VENV)/.installed .venv-mlflow/.installed .venv-metaflow/.installed
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project services/common
	$(BIN)/basedpyright --project services/mlflow
	$(BIN)/basedpyright --project services/metaflow
	$(BIN)/basedpyright --project services/metaflow-migration
	$(BIN)/basedpyright --project services/metaflow-notebook
	$(BIN)/basedpyright --project services/api
	$(BIN)/basedpyright --project examples/mlflow
	$(BIN)/basedpyright --project client
	$(BIN)/basedpyright --project client/pyrightconfig.metaflow.json
	$(BIN)/basedpyright --project examples/metaflow

.venv-mlflow/.installed: services/mlflow/requirements.lock $(UV)
	$(PYTHON) -m venv .venv-mlflow
	$(call install,.venv-mlflow,services/mlflow/requirements.lock)
	@touch $@

# Metaflow's client, and what its metadata service imports.
.venv-metaflow/.installed: tests/services/metaflow/requirements.lock $(UV)
	$(PYTHON) -m venv .venv-metaflow
	$(call install,.venv-metaflow,tests/services/metaflow/requirements.lock)
	@touch $@

# What tests of Metaflow's service run. Where one cannot be had, they say so and are skipped.
tools:
	@command -v go >/dev/null || test -x .tools/bin/goose || echo "no Go to build goose with"
	@! command -v go >/dev/null || $(MAKE) --no-print-directory .tools/bin/goose
	@test -n "$$METAFLOW_SERVICE_SOURCE" || $(MAKE) --no-print-directory .tools/metaflow-service

# goose as the image of the metadata service has it, without the drivers of other databases.
.tools/bin/goose:
	GOBIN=$(CURDIR)/.tools/bin go install -tags "no_clickhouse no_mssql no_mysql no_sqlite3 no_vertica" \
		github.com/pressly/goose/v3/cmd/goose@v3.9.0

# The metadata service's source, which is on no package index. Where it cannot be had, the tests that need it are skipped.
.tools/metaflow-service:
	git -c advice.detachedHead=false clone --quiet --depth 1 --branch v2.5.1 \
		https://github.com/Netflix/metaflow-service.git $@ || echo "no source of the metadata service"

# Tools that pin older versions of what others need.
.venv-peers/.installed: peers/requirements.lock $(UV)
	$(PYTHON) -m venv .venv-peers
	$(call install,.venv-peers,peers/requirements.lock)
	@touch $@

# Engine tests wait for the provider's polling most of the time, and those of services for what starts and stops, so all
# run beside each other. Services have clocks of their own (leases, tokens, time limits), and engine tests take longest, so
# these go first in this order.
test: $(VENV)/.installed .venv-mlflow/.installed .venv-metaflow/.installed .venv-peers/.installed tools
	@$(MAKE) --no-print-directory --jobs 3 test-engine test-program test-services

test-engine: $(VENV)/.installed
	nice -n 5 $(BIN)/python -m pytest tests/engine --numprocesses 5 --dist load

test-program: $(VENV)/.installed .venv-peers/.installed
	nice -n 15 $(BIN)/python -m pytest tests/unit tests/program --numprocesses 2 --dist loadfile
	nice -n 15 $(BIN)/python -m pytest tests/peers

test-services: $(VENV)/.installed .venv-mlflow/.installed .venv-metaflow/.installed tools
	$(BIN)/python -m pytest tests/services

test-quick: $(VENV)/.installed
	$(BIN)/python -m pytest tests/unit tests/program

check: format lint types test

bench: $(VENV)/.installed .venv-mlflow/.installed
	$(BIN)/python -m bench.plan
	$(BIN)/python -m bench.service
	$(BIN)/python -m bench.policies
	$(BIN)/python -m bench.metaflow

lock: $(UV)
	$(UV) pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 requirements-uv.txt -o requirements-uv.lock
	$(UV) pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 requirements.txt -o requirements.lock
	$(UV) pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 requirements.txt requirements-dev.txt -o requirements-dev.lock
	$(UV) pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 peers/requirements.txt -o peers/requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		services/mlflow/requirements.txt -o services/mlflow/requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.12 \
		services/metaflow-job/requirements.txt -o services/metaflow-job/requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		tests/services/metaflow/requirements.txt -o tests/services/metaflow/requirements.lock

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
