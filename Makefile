# Needs Python 3.11 or newer, make and a POSIX shell. Everything else goes into .venv.

PYTHON ?= python3
TOUR_ARGS ?=
TEST_ARGS ?=
DRILL_ARGS ?=
SITE_PORT ?= 8000
HOST_ARGS ?=
BROWSER_ARGS ?=

VENV := .venv
CONSTRAINTS := constraints.txt
PYRIGHT := 1.1.414
RUN = $(VENV)/bin/python

# One file pins what pip installs and what pip builds with.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CONSTRAINTS) \
       PIP_BUILD_CONSTRAINT=$(CONSTRAINTS) $(RUN) -m pip install -qq

IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help tour test coverage lowest floors check types package bench drill docs site
.PHONY: hosts fastapi-host django-host mail-worker
.PHONY: playground playground-files browser pyodide-tests clean

help:
	@echo 'make tour    show every procedure of the guide on a database'
	@echo '             (options: make tour TOUR_ARGS="--only 5 --database sqlite:///tour.db")'
	@echo 'make test    run the tests'
	@echo '             (options: make test TEST_ARGS="-k payer")'
	@echo 'make coverage'
	@echo '             run them with branch coverage, which must be 100 %'
	@echo 'make lowest  the same tests with the lowest versions that pyproject.toml allows'
	@echo '             (in .venv-lowest)'
	@echo 'make floors  the tests that a dependency can break, with the lowest versions on one Python'
	@echo '             and with the newest ones on the newest Python that is found'
	@echo 'make check   lint, formatting and types, of the Python in the documentation too'
	@echo 'make types   check that no public type has to be inferred (needs npm)'
	@echo 'make package build sdist and wheel twice, and try each extra in a new environment'
	@echo 'make bench   compare one step with other libraries'
	@echo 'make drill   kill the primary of three PostgreSQL servers while commands are given'
	@echo '             (options: make drill DRILL_ARGS="--kills 4 --switchovers 2 --seed 7")'
	@echo 'make docs    build the documentation as a site, in build/site (in .venv-docs)'
	@echo 'make site    serve it on this machine (another port: make site SITE_PORT=9000)'
	@echo 'make hosts   test the hosts in examples/, which need more than the package (in .venv-hosts)'
	@echo '             (options: make hosts TEST_ARGS="fastapi_host -x")'
	@echo 'make fastapi-host, make django-host, make mail-worker'
	@echo '             start a host, as its README says'
	@echo 'make playground     build the page in which the library runs, and serve it (needs npm)'
	@echo 'make browser        try that page in Chromium'
	@echo '                    (options: make browser BROWSER_ARGS="--walks 10")'
	@echo 'make pyodide-tests  run the tests of the core in the runtime of that page'
	@echo 'make clean   remove .venv and everything else that make created'
	@echo
	@echo 'The first run sets up .venv. To use another Python: make test PYTHON=python3.13'

tour: $(VENV)/.tour-installed
	@$(RUN) -m examples.tour $(TOUR_ARGS)

# The tests start hundreds of processes, each of which would otherwise compile the package again.
test: export PYTHONDONTWRITEBYTECODE :=
# In the order of the folders: files of few but long tests come first, and none is left for the end.
test: $(VENV)/.dev-installed
	@$(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

# To trace every line takes three times as long, so each property gets few examples here. Tests
# whose processes are killed, and so record nothing, are left out, and those of the test server.
coverage: override TEST_ARGS += --cov --cov-report=term --hypothesis-profile=brief \
  --ignore=tests/processes --ignore=tests/test_databases.py
coverage: test

lowest:
	@$(MAKE) VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt test

# What a version of a dependency can break, in some minutes; `make lowest` runs everything.
FLOOR_TESTS := \
  tests/sql/test_alembic.py tests/sql/test_async_sql.py tests/sql/test_feed.py \
  tests/sql/test_interrupted.py tests/sql/test_locks.py tests/sql/test_open.py \
  tests/sql/test_schema.py tests/sql/test_sessions.py tests/sql/test_sqlalchemy.py \
  tests/sql/test_stored.py tests/sql/test_transactions.py tests/sql/test_trouble.py \
  tests/cli/test_outbox_commands.py tests/cli/test_upkeep_commands.py tests/cli/test_words.py \
  tests/testing/test_kit.py tests/testing/test_strategies.py tests/testing/test_types.py \
  tests/test_links.py tests/test_mistakes.py tests/test_observing.py tests/test_outbox.py \
  tests/test_rendering.py tests/test_values.py tests/test_wire.py
FLOOR_ARGS := $(FLOOR_TESTS) $(TEST_ARGS)

# An empty constraints file: pip takes the newest versions that there are.
floors:
	@status=0; \
	$(MAKE) VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt TEST_ARGS='$(FLOOR_ARGS)' test \
	  || status=1; \
	newest=$$(sh tests/newest_python.sh '$(PYTHON)'); \
	$(MAKE) VENV=.venv-newest CONSTRAINTS=/dev/null PYTHON="$$newest" \
	  TEST_ARGS='$(FLOOR_ARGS)' test || status=1; \
	exit $$status

package: $(VENV)/.dev-installed
	@PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) \
	  $(RUN) tests/try_package.py

check: $(VENV)/.dev-installed
	@status=0; \
	echo 'ruff check';   $(RUN) -m ruff check . || status=1; \
	echo 'ruff format';  $(RUN) -m ruff format --check . || status=1; \
	echo 'mypy';         $(RUN) -m mypy --strict || status=1; \
	echo 'mypy (pages)'; $(RUN) docs/snippets.py || status=1; \
	exit $$status

# pyright finds the package by the Python that is first in PATH.
types: $(VENV)/.dev-installed
	@if ! command -v npx >/dev/null 2>&1; then echo 'This needs Node.js with npm.' >&2; exit 1; fi
	@mkdir -p build; \
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npx --yes pyright@$(PYRIGHT) \
	  --verifytypes client_access --ignoreexternal > build/types.txt; \
	status=$$?; grep -A 2 ' error: \|completeness score' build/types.txt; exit $$status

bench: $(VENV)/.dev-installed
	@$(PIP) --editable '.[benchmarks]'
	@$(RUN) benchmarks/steps.py

# Needs Debian's patroni, etcd-server and postgresql, and says so if they are missing.
drill: $(VENV)/.dev-installed
	@PYTHONPATH=benchmarks $(RUN) -m drill $(DRILL_ARGS)

docs:
	@$(MAKE) --no-print-directory VENV=.venv-docs .venv-docs/.docs-installed
	@if command -v npm >/dev/null && [ -f site/package.json ]; then \
	  $(MAKE) --no-print-directory playground-files; \
	fi
	@.venv-docs/bin/python -m sphinx -q -W -n --keep-going -d build/doctrees docs build/site
	@echo 'The site is in build/site. To look at it: make site'

site: docs
	@.venv-docs/bin/python -u -m http.server --bind 127.0.0.1 --directory build/site $(SITE_PORT)

# The hosts have an environment of their own, so that the tests of the package need none of theirs.
hosts fastapi-host django-host mail-worker: VENV := .venv-hosts

hosts: .venv-hosts/.installed
	@$(RUN) -m mypy --strict examples
	@PYTHONPATH=examples/django_host $(RUN) -m mypy --config-file examples/django_host/mypy.ini examples/django_host
	@cd examples && ../$(RUN) -m pytest -c pytest.ini -n 2 --dist loadfile $(TEST_ARGS)

fastapi-host: .venv-hosts/.installed
	@$(RUN) -m examples.fastapi_host $(HOST_ARGS)

django-host: .venv-hosts/.installed
	@$(RUN) examples/django_host/manage.py demo $(HOST_ARGS)

mail-worker: .venv-hosts/.installed
	@$(RUN) -m examples.mail_worker $(HOST_ARGS)

playground: playground-files
	@$(RUN) site/build_playground.py --serve

playground-files: $(VENV)/.tour-installed site/node_modules/.installed
	@PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) PIP_BUILD_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) \
	  $(RUN) site/build_playground.py

browser: playground-files
	@PYTHON=$(CURDIR)/$(RUN) node site/browser/run.mjs $(BROWSER_ARGS)

pyodide-tests: playground-files
	@PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) $(RUN) site/build_playground.py --tests
	@node site/browser/pytest.mjs $(TEST_ARGS)

clean:
	rm -rf $(VENV) .venv-* site/node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov
	rm -f .coverage .coverage.*
	find src tests docs examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the files that it depends on, so a second run installs nothing.

$(VENV)/.tour-installed: pyproject.toml $(CONSTRAINTS)
	@$(make_venv)
	@echo 'Installing what the tour needs into $(VENV) (only once) ...'
	@$(PIP) --editable '.[cli,links,templates]'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml $(CONSTRAINTS)
	@$(make_venv)
	@echo 'Installing the development tools into $(VENV) (only once) ...'
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.tour-installed

$(VENV)/.docs-installed: pyproject.toml $(CONSTRAINTS)
	@$(make_venv)
	@echo 'Installing what builds the site into $(VENV) (only once) ...'
	@$(PIP) --editable '.[docs]'
	@touch $@

.venv-hosts/.installed: pyproject.toml $(CONSTRAINTS)
	@$(make_venv)
	@echo 'Installing what the hosts need into $(VENV) (only once) ...'
	@$(PIP) --editable '.[hosts]'
	@touch $@

site/node_modules/.installed: site/package.json
	@if ! command -v npm >/dev/null 2>&1; then echo 'This needs Node.js with npm.' >&2; exit 1; fi
	@echo 'Installing what the playground runs on into site/node_modules (only once) ...'
	@cd site && npm install --silent
	@touch $@

# A working .venv is kept; a missing or broken one is made again.
define make_venv
if ! { $(RUN) -c '$(IS_NEW_ENOUGH)' && $(RUN) -m pip --version; } >/dev/null 2>&1; then \
	if ! command -v '$(PYTHON)' >/dev/null 2>&1; then \
		echo 'client_access needs Python 3.11 or newer, and "$(PYTHON)" was not found.' >&2; \
		echo 'Name another one: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	if ! '$(PYTHON)' -c '$(IS_NEW_ENOUGH)'; then \
		echo "client_access needs Python 3.11 or newer; $(PYTHON) is $$('$(PYTHON)' --version 2>&1)." >&2; \
		echo 'Name a newer one: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	echo 'Making $(VENV) ...'; \
	'$(PYTHON)' -m venv --clear $(VENV) || { \
		echo 'That Python cannot make a virtual environment (some systems have a separate package for venv).' >&2; \
		exit 1; \
	}; \
fi
endef
