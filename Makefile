# Everything happens in .venv, which make brings itself and renews only when a lock file changed.
#   make run                  two commands from a fresh clone: this is the second
#   make PYTHON=python3.12    another interpreter (3.11 or newer); remove .venv first

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input

# uv installs in seconds what takes pip a minute. Where it cannot (no wheel for this machine, an index out of its reach),
# pip does. Neither compiles: Python compiles what it imports, half of all. The index is the one pip is set up with.
INDEX   := index=$$($(PIP) config list | sed -n "s/^[^ ]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1)
install  = $(INDEX); $(BIN)/uv pip install --quiet --python $(BIN)/python $${index:+--default-index "$$index"} $(1) || \
  $(PIP) install --no-compile $(1)

RUNTIME := $(VENV)/.runtime
DEV     := $(VENV)/.dev

# Two workers: each has its own database, and a laptop has at least two cores.
WORKERS ?= 2
PYTEST  := $(BIN)/pytest
SHARED  := -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# Tests start hundreds of processes: without bytecode each would compile the application anew.
export PYTHONDONTWRITEBYTECODE :=
CODE    := app migrations tests

.DEFAULT_GOAL := help
.SILENT:
.DELETE_ON_ERROR:
.PHONY: help venv run test proof restore-drill docs check-docs realdata bench lint format types layers migrations revision openapi check-openapi image-check lock clean

help:
	printf 'make %-15s %s\n' \
	  run           'install, start PostgreSQL, load the demo company, print a key, serve on 127.0.0.1:8080' \
	  test          'every class of promise with small numbers (minutes)' \
	  proof         'the same with the full numbers; takes an hour or two' \
	  restore-drill 'back up, erase, restore elsewhere, replay the erasures, verify; with times' \
	  check-docs    'every command in docs/ answers what its page says; starts of an empty machine' \
	  docs          'run every command in docs/ and write its answer' \
	  realdata      'push public data sets through the served application' \
	  bench         'one table of measurements against the budgets' \
	  lint          'ruff: rules and format (`make format` writes it)' \
	  types         'mypy, strict' \
	  layers        'import-linter: rooms stand on lower rooms only' \
	  migrations    'models = migrations, up-down-up, safe DDL' \
	  revision      'a new empty migration: make revision NAME=what_it_does' \
	  openapi       'write openapi/openapi.json (`make check-openapi` compares it)' \
	  image-check   'build the container image by hand and start everything from it' \
	  lock          'compile the requirements from pyproject.toml' \
	  clean         'remove .venv and caches; data in .clientele stays'

# --- the environment --------------------------------------------------------------------------------------------------

venv: $(DEV)

$(RUNTIME): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Clientele needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	echo 'Installing into $(VENV) ...'
	$(PYTHON) -m venv $(VENV) || { echo 'On Debian: apt install python3-venv' >&2; exit 1; }
	awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements-dev.lock | \
	  $(PIP) install --no-compile --only-binary :all: --require-hashes -r /dev/stdin || true
	$(call install,--require-hashes -r requirements.lock)
	$(call install,--no-deps --no-build-isolation -e .)
	touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	echo 'Installing the development tools ...'
	$(call install,--require-hashes -r requirements-dev.lock)
	touch $@

# The address of the index stays out of the files.
lock: $(DEV)
	$(INDEX); \
	compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-config --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  $${index:+--default-index "$$index"} pyproject.toml "$$@"; }; \
	compile --group build -o requirements.lock && \
	compile --group build --group dev --constraints requirements.lock -o requirements-dev.lock
	! grep -nE '://|^-' requirements.lock requirements-dev.lock || { echo 'an address in a lock file' >&2; exit 1; }
	git diff --stat -- requirements.lock requirements-dev.lock

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- use --------------------------------------------------------------------------------------------------------------

run: $(RUNTIME)
	exec $(BIN)/clientele serve --welcome

# --- proof ------------------------------------------------------------------------------------------------------------

test: $(DEV)
	$(PYTEST) $(SHARED)

proof: $(DEV)
	CLIENTELE_PROOF=1 $(PYTEST) -m proof $(SHARED)

restore-drill: $(DEV)
	$(PYTEST) -m 'proof or not proof' tests/privacy/test_drill.py -s

image-check: $(DEV)
	$(PYTEST) -m 'proof or not proof' tests/container

docs: $(DEV)
	$(BIN)/python -m tests.docs.pages

check-docs: $(DEV)
	$(PYTEST) -m pages $(SHARED)

realdata: $(DEV)
	$(PYTEST) -m 'realdata $(PART)' tests/realdata -s

bench: $(DEV)
	$(BIN)/python -m tests.benchmarks

lint: $(DEV)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/ruff format --quiet --check $(CODE) || { echo 'run: make format' >&2; exit 1; }

format: $(DEV)
	$(BIN)/ruff check --quiet --fix-only $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

types: $(DEV)
	$(BIN)/mypy --no-error-summary

layers: $(DEV)
	$(BIN)/lint-imports --no-logo

migrations: $(DEV)
	$(PYTEST) -q -m migrations $(SHARED) tests/house

revision: $(DEV)
	test -n "$(NAME)" || { echo 'make revision NAME=what_it_does' >&2; exit 1; }
	today=$$(date -u +%Y%m%d); number=$$(printf '%02d' $$(($$(ls migrations/versions/$${today}_*.py 2>/dev/null | wc -l) + 1))); \
	$(BIN)/alembic --quiet revision --rev-id "$${today}_$${number}_$(NAME)" -m "$(subst _, ,$(NAME))" && \
	ls migrations/versions/$${today}_$${number}_$(NAME).py

openapi: $(DEV)
	mkdir -p openapi
	$(BIN)/clientele openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

check-openapi: $(DEV)
	$(BIN)/clientele openapi | diff -u openapi/openapi.json - || \
	  { echo 'openapi/openapi.json is not what the code says: run make openapi and read the difference' >&2; exit 1; }
