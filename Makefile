# Two commands: `make demo` runs the main job on a sample, `make test` checks a change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS := tests/unit tests/functional tests/integration tests/clients tests/browser
SCRIPTS := $(filter-out .ci/locks,$(wildcard .ci/*))
PROSE := $(wildcard *.md *.cff docs/*.md docs/*/*.md mkdocs.yml .github/*.* .github/*/*.yml) Makefile $(SCRIPTS)
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema vendor

# Where the environment keeps Python from writing bytecode, every command would compile all it imports.
export PYTHONDONTWRITEBYTECODE :=
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: demo sample pictures test test-all check docs setup lock clean

setup: $(VENV)/.ready

demo: $(VENV)/.ready
	$(BIN)/python -m tests.demo $(DEMO_ARGS)

# data/sample-release, made anew by the demo.
sample: $(VENV)/.ready
	$(BIN)/python -m tests.demo --folder .cache/sample --sample-release data/sample-release

# The README's pictures, of the demo's output and report; needs Chromium.
pictures: $(VENV)/.ready
	$(BIN)/python -m tests.demo.pictures

# Lint, types, unit and functional tests; those that need an engine where .ci/engine has set one up.
test: check
	$(BIN)/python -m pytest -n auto $(TESTS) $(PYTEST_ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/codespell $(PROSE)
	PATH="$(BIN):$$PATH" shellcheck $(SCRIPTS) # the lock has none for some machines
	$(BIN)/zizmor --quiet --offline .github
	$(SCHEMA).github-workflows .github/workflows/*.yml
	$(SCHEMA).dependabot .github/dependabot.yml
	$(SCHEMA).github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA).github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA).citation-file-format CITATION.cff

# The reference, written from the code, and the documentation as a site: .cache/site/index.html.
docs: $(VENV)/.ready
	$(BIN)/python -m tests.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# Everything, the heavy tests too, with an engine and clients of its own; as root on Debian.
test-all:
	.ci/run --all

# Newer versions of what .ci/locks pins. `make setup NEWEST=1` tries them without changing the locks.
lock: $(VENV)/.ready
	.ci/lock

ifdef NEWEST
.PHONY: $(VENV)/.ready
endif
$(VENV)/.ready: pyproject.toml Makefile $(wildcard .ci/locks/*.txt)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .ci/locks/uv.txt
ifdef NEWEST
	$(INSTALL) --upgrade --editable . --group dev
else
	$(INSTALL) --require-hashes --requirement .ci/locks/dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
endif
	$(BIN)/python -m compileall -q curate builders recipes
	touch $@

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache
