# The commands of OpenDeep. Each does its own set-up and is fast the second time.
.PHONY: demo run rehearse test bench chaos fuzz lint docs constraints clean
BIN := .venv/bin
ONLY ?= all
TASKS ?= 200
FAULTS ?= 20
SECONDS ?= 60

demo: ## Set up, start everything on embedded defaults, and watch a campaign of phone calls
	@scripts/setup.sh demo
	@$(BIN)/opendeep demo

run: ## Serve the product (http://127.0.0.1:8080 unless WEB_PORT says otherwise)
	@scripts/setup.sh run
	@$(BIN)/python main.py

rehearse: ## Call every simulated callee with the whole product and judge the calls; ONLY=books_tuesday,voicemail for some
	@scripts/setup.sh run
	@$(BIN)/opendeep rehearse $(if $(filter-out all,$(ONLY)),--only $(ONLY))

test: ## Everything: lint, types, layers, docs, tests with real Asterisk, PostgreSQL, Redis and Chromium
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint docs
	@$(BIN)/python -m pytest

lint:
	@scripts/setup.sh dev
	@echo "==> ruff, mypy --strict, import-linter"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

docs:
	@scripts/setup.sh dev
	@echo "==> docs"
	@$(BIN)/python scripts/render_docs.py --check
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

bench: ## One JSON object a line; ONLY=media for one group
	@scripts/setup.sh test >&2
	@$(BIN)/python -m benchmarks $(ONLY)

chaos: ## Kill everything at random moments during a campaign on the real Asterisk; SEED=7 repeats a run
	@scripts/setup.sh test >&2
	@$(BIN)/python -m tests.chaos --tasks $(TASKS) --faults $(FAULTS) $(if $(SEED),--seed $(SEED))

fuzz: ## Any bytes into the AudioSocket decoder, guided by coverage (Linux); SECONDS=3600 for longer
	@scripts/setup.sh dev
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/pip install -q -c constraints.txt atheris
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

constraints: ## Compile constraints.txt anew from pyproject.toml
	@$(BIN)/pip-compile -q --all-extras --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--no-annotate --no-header --allow-unsafe -o constraints.txt pyproject.toml

clean:
	rm -rf build site .pytest_cache .mypy_cache .ruff_cache .hypothesis var
