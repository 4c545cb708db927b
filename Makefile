# Needs Python 3.11 or newer, make and a POSIX shell. Everything else goes into .venv.

PYTHON ?= python3
TOUR_ARGS ?=
TEST_ARGS ?=
HOST_ARGS ?=

VENV := .venv
CONSTRAINTS := constraints.txt
RUN = $(VENV)/bin/python

# One file pins what pip installs and what pip builds with.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CONSTRAINTS) \
       PIP_BUILD_CONSTRAINT=$(CONSTRAINTS) $(RUN) -m pip install -qq

IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help tour test lowest check package bench hosts fastapi-host django-host mail-worker clean

help:
	@echo 'make tour    show every procedure of the guide on a database'
	@echo '             (options: make tour TOUR_ARGS="--only 5 --database sqlite:///tour.db")'
	@echo 'make test    run the tests, with branch coverage'
	@echo '             (options: make test TEST_ARGS="-k payer --no-cov")'
	@echo 'make lowest  the same tests with the lowest versions that pyproject.toml allows'
	@echo '             (in .venv-lowest)'
	@echo 'make check   lint, formatting and types'
	@echo 'make package build sdist and wheel twice, and try each extra in a new environment'
	@echo 'make bench   compare one step with other libraries'
	@echo 'make hosts   test the hosts in examples/, which need more than the package (in .venv-hosts)'
	@echo '             (options: make hosts TEST_ARGS="fastapi_host -x")'
	@echo 'make fastapi-host, make django-host, make mail-worker'
	@echo '             start a host, as its README says'
	@echo 'make clean   remove .venv and everything else that make created'
	@echo
	@echo 'The first run sets up .venv. To use another Python: make test PYTHON=python3.13'

tour: $(VENV)/.tour-installed
	@$(RUN) -m examples.tour $(TOUR_ARGS)

test: $(VENV)/.dev-installed
	@$(RUN) -m pytest -n auto --dist loadfile --cov --cov-report=term $(TEST_ARGS)

lowest:
	@$(MAKE) VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt \
	  TEST_ARGS='--no-cov $(TEST_ARGS)' test

package: $(VENV)/.dev-installed
	@PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) \
	  $(RUN) tests/try_package.py

check: $(VENV)/.dev-installed
	@status=0; \
	echo 'ruff check';   $(RUN) -m ruff check . || status=1; \
	echo 'ruff format';  $(RUN) -m ruff format --check . || status=1; \
	echo 'mypy';         $(RUN) -m mypy --strict || status=1; \
	exit $$status

bench: $(VENV)/.dev-installed
	@$(PIP) --editable '.[benchmarks]'
	@$(RUN) benchmarks/steps.py

# The hosts have an environment of their own, so that the tests of the package need none of theirs.
hosts fastapi-host django-host mail-worker: VENV := .venv-hosts

hosts: .venv-hosts/.installed
	@$(RUN) -m mypy --strict examples
	@PYTHONPATH=examples/django_host $(RUN) -m mypy --config-file examples/django_host/mypy.ini examples/django_host
	@cd examples && ../$(RUN) -m pytest -c pytest.ini $(TEST_ARGS)

fastapi-host: .venv-hosts/.installed
	@$(RUN) -m examples.fastapi_host $(HOST_ARGS)

django-host: .venv-hosts/.installed
	@$(RUN) examples/django_host/manage.py demo $(HOST_ARGS)

mail-worker: .venv-hosts/.installed
	@$(RUN) -m examples.mail_worker $(HOST_ARGS)

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-hosts build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov
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

.venv-hosts/.installed: pyproject.toml $(CONSTRAINTS)
	@$(make_venv)
	@echo 'Installing what the hosts need into $(VENV) (only once) ...'
	@$(PIP) --editable '.[hosts]'
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
