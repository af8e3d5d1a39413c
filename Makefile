# One line per verb; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DISTS  := core services/generator services/qc services/trainer services/classifier services/orchestrator
CORE   := .venv-core
LIGHT  := core services/classifier services/orchestrator
BUF    := .cache/buf/node_modules/.bin/buf
BUF_VERSION := 1.75.0
KUBERNETES := 1.33
PROTOS := $(wildcard protos/saggar/v1/*.proto)
TESTS  ?= tests
WORKERS ?= 3 # at once; on two cores too, for tests of faults mostly wait

.DEFAULT_GOAL := help
.PHONY: help docs setup setup-core quickstart test test-fast lint lint-imports lint-deploy proto compose-up e2e-compose sbom bench clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(VENV)/.ready ## install everything into .venv

$(VENV)/.ready: constraints.txt requirements-dev.txt $(DISTS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Saggar needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip setuptools -c constraints.txt
	@echo "Installing Saggar and its libraries (several GB with PyTorch; minutes) ..."
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(DISTS:%=-e ./%) -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt tritonclient python-rapidjson
	@touch $@

setup-core: $(CORE)/.ready ## install the parts without torch into .venv-core, in under a minute

$(CORE)/.ready: constraints.txt requirements-core.txt $(LIGHT:%=%/pyproject.toml)
	test -x $(CORE)/bin/python || $(PYTHON) -m venv $(CORE)
	PYTHONWARNINGS=ignore $(CORE)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(LIGHT:%=-e ./%) -r requirements-core.txt
	@touch $@

quickstart: setup ## the whole story on this machine, in minutes
	$(BIN)/saggar quickstart

test: setup ## run all tests; a file at a time, so that what its tests share is made once
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

test-fast: setup-core ## run core's and the classifier's tests, in under a minute, without torch
	$(CORE)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --hypothesis-profile fast -m "not slow" tests/unit/core $(wildcard tests/unit/classifier)

lint: setup $(BUF) ## formatting, lint, types, contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy core/saggar
	@for dist in $(filter services/%,$(DISTS)); do \
		package=saggar_$${dist#services/}; echo "mypy $$dist/$$package"; $(BIN)/mypy $$dist/$$package || exit 1; done
	@$(MAKE) --no-print-directory lint-imports lint-deploy
	$(BIN)/bandit --quiet -ll --recursive core/saggar $(wildcard services/*/saggar_*) deploy
	$(BUF) lint protos
	$(BIN)/python protos/generate.py --check
	$(BIN)/python docs/rooms.py --check

lint-imports: setup ## which room may import which
	$(BIN)/lint-imports --no-cache pyproject.toml $(DISTS:%=%/pyproject.toml)

lint-deploy: setup ## the Dockerfile, compose files and Kubernetes manifests, without an engine or a cluster
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml $(wildcard compose.*.yaml)
	$(BIN)/kubernetes-validate --strict --kubernetes-version $(KUBERNETES) --quiet \
		$(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/base/*.yaml))

proto: setup $(BUF) ## write the settings into the contract and regenerate its code
	$(BUF) lint protos
	$(BIN)/python protos/setting_comments.py
	$(BIN)/python protos/generate.py

$(BUF):
	@command -v npm >/dev/null || { echo "make lint and make proto need npm (for buf); install Node.js" >&2; exit 1; }
	npm install --silent --no-save --no-audit --no-fund --prefix .cache/buf @bufbuild/buf@$(BUF_VERSION)

compose-up: ## build the images and start all services in containers (needs Docker with Compose v2)
	@docker compose version >/dev/null 2>&1 || { echo "Saggar needs Docker with Compose v2: \`docker compose version\` must work; docker-compose (v1) will not do" >&2; exit 1; }
	docker compose up --build --detach --wait --wait-timeout 900 generator qc trainer classifier orchestrator
	@echo "next: docker compose exec orchestrator saggar quickstart"

e2e-compose: setup ## all services in containers, encrypted, scaled, killed and restarted (needs Docker with Compose v2)
	.ci/e2e-compose

docs: setup ## build the docs site into build/site; every broken link fails
	$(BIN)/mkdocs build

sbom: setup ## sbom.cdx.json: every library of .venv with its version and licence (CycloneDX)
	$(BIN)/cyclonedx-py environment $(VENV) --output-reproducible --output-file sbom.cdx.json

BENCHES := collections/importing collections/kilnsim collections/near_duplicates collections/scale pictures/review pictures/metrics pictures/extraction services/startup

bench: setup ## measured comparisons, as JSON lines (the long ones: see docs/results)
	@for bench in $(BENCHES); do $(BIN)/python bench/$$bench.py || exit 1; done

clean: ## remove what make has made (not .saggar, where your results are)
	rm -rf $(VENV) $(CORE) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
