# Two commands do everything on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test test-all check bench clean

demo: $(INSTALLED)
	$(BIN)/zipcal demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(INSTALLED)
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[local,dev,bench]'
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.driver
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.report

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: name one by make PYTHON=..., this is $$($(PYTHON) --version)."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	$(BIN)/python -m zipcal_spark.java
	-$(BIN)/python -m zipcal_spark.archive
	@touch $@

clean:
	rm -rf .venv zipcal-demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
