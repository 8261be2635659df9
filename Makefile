# `make benchmark` and `make test` need only Python 3.11 to 3.13; the first call installs the rest.
PYTHON ?= python3
VENV = .venv
RUN = $(VENV)/bin/python
INSTALLED = $(VENV)/.installed
DEMO = .store/phantom-demo

PYTHONS ?= 3.11 3.12 3.13
PYTHONS_FOLDER ?= ../scangrid-pythons
TESTS ?= tests

.PHONY: benchmark test test-long test-pythons check docs pages gallery speed simulate fuzz lock clean

benchmark: $(INSTALLED) $(DEMO)/truth.csv
	$(RUN) run_benchmark.py run grids/demo.yaml
	$(RUN) run_benchmark.py report runs/demo

test: $(INSTALLED)
	$(RUN) -m pytest -q -n logical --maxprocesses 4 --dist loadfile

test-long: $(INSTALLED)
	$(RUN) -m pytest -q -m long

# The tests on other versions of Python, each in a new environment from the lock, outside the project.
test-pythons: $(INSTALLED)
	for version in $(PYTHONS); do \
		$(VENV)/bin/uv venv --quiet --clear --python $$version $(PYTHONS_FOLDER)/$$version && \
		$(VENV)/bin/uv pip install --quiet --python $(PYTHONS_FOLDER)/$$version/bin/python --require-hashes --requirement requirements.lock && \
		$(PYTHONS_FOLDER)/$$version/bin/python -m pytest -q -p no:cacheprovider -n logical --maxprocesses 4 --dist loadfile $(TESTS) || exit 1; \
	done

check: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# Builds the site into docs/site without network; fails on a broken link and on a generated part that is out of date.
docs: $(INSTALLED)
	$(RUN) -m docs.reference --check
	$(VENV)/bin/zensical build --config-file docs/mkdocs.yml --clean --strict
	$(RUN) -m docs.links
	$(RUN) -m docs.gallery --check

# Writes the parts of the pages that are generated from the code.
pages: $(INSTALLED)
	$(RUN) -m docs.drawings
	$(RUN) -m docs.reference

# Prints the outputs of the pages again from existing runs; `python -m docs.gallery PAGE --run` also runs its grids.
gallery: $(INSTALLED)
	$(RUN) -m docs.gallery

speed: $(INSTALLED)
	$(RUN) -m tests.studies.speed

simulate: $(INSTALLED)
	$(RUN) -m tests.studies.simulate

# Damages files at random and reads them; fails if one is read wrong, crashes or runs out of bounds. Ten minutes.
fuzz: $(INSTALLED)
	$(RUN) -m tests.studies.fuzz 2000

$(INSTALLED): requirements.lock $(wildcard launcher/*)
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and 'Python 3.11 to 3.13 is needed, this is %d.%d: make PYTHON=python3.12' % sys.version_info[:2])"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(VENV)/bin/python --require-hashes --requirement requirements.lock
	$(VENV)/bin/uv pip install --quiet --no-index --no-deps --reinstall --python $(VENV)/bin/python ./launcher  # `scangrid`
	touch $(INSTALLED)

$(DEMO)/truth.csv:
	rm -rf $(DEMO)
	$(RUN) run_benchmark.py phantom $(DEMO) --patients 40 --sequences t2 --effect 0.7

lock: $(INSTALLED)
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --group docs --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --quiet --upgrade --output-file requirements.lock

clean:
	rm -rf .store runs docs/site docs/.cache
