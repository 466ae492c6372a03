# Saves typing; every line also works by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check drill bench shots stop clean chromium

run: $(VENV)/installed  ## database, demo data, scheduler and dashboard; Ctrl-C ends them
	@set -a; if [ -f .env ]; then . ./.env; fi; exec $(BIN)/python -m jobs up

test: $(VENV)/installed chromium  ## everything the tests need, then all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/installed  ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

drill: $(VENV)/installed  ## everything that goes wrong with money, on purpose, and every planted bug caught; minutes
	$(BIN)/python -m tests.drill

bench: $(VENV)/installed  ## the set-based way against the row-by-row way; reads and whole pages on a desk of a year
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.analytics
	$(BIN)/python -m tests.bench.pages

shots: $(VENV)/installed chromium  ## a picture of every page, light and dark, into shots/
	$(BIN)/python -m tests.browser.shots

stop:  ## ends the embedded PostgreSQL, which otherwise outlives the desk
	$(BIN)/python -m jobs db stop

clean:  ## what can be made again; data/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov shots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

chromium:
	@if command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; then :; \
	else echo "No Chromium here: the browser tests are skipped, and say so. As root: apt-get install chromium"; fi
