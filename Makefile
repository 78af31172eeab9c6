# make demo   see it work: sandbox, two workers, a consumer, all real processes (about half a minute)
# make playground  the same system for you to try, with a dashboard and six commands to begin with; until Ctrl-C
# make test   lint, types and every test, against a real Valkey (13 to 18 minutes on 2 cores)
# make quick  lint, types and the tests that start no process (20 to 30 s of a core when warm)
# make one T=tests/x.py::name  one test, file or folder
# make fix    mend what the linter can, and format
# make browser  the dashboard's tests in Chromium alone (make test runs them too where it is: Debian's chromium)
# make pictures  renew docs/pictures, the dashboard as Chromium shows it
# make walk   from a clone to an own (sandbox) shop by the commands of docs/own-shop.md, with a stop-watch; needs the network
# make matrix the package on every major version of redis-py, each installed beside it; needs the network
# make bench  the measurements behind docs/performance.md (about an hour; ONLY=pacing for one of them; one at a time)
# make site   docs/ and the reference as a site in build/site, to look at with a browser
# make contract  renew schemas, AsyncAPI document, samples and docs/events.md after a change of the event types
# make chaos  kill, freeze, cut and lie, and see that nothing is lost: docs/reliability.md (about an hour; NIGHTLY=1: hours)
# make fresh  README's two commands, twice, in a fresh Debian made by debootstrap (root; needs the network; half an hour)
# make image  build the image in a chroot, without an engine, and run its services there (root; 2 minutes, the first time 6)
# make audit  known vulnerabilities of all dependencies; needs the network
# make lock   renew requirements/*.txt after a change of dependencies in pyproject.toml
# make package  wheels and source archives of shopstream and shopstream-sandbox in dist/, checked as PyPI checks them
# make clean  remove the virtual environments and all caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEMO_STAMP := $(VENV)/installed-demo
FOR_DEMO := $(if $(wildcard $(STAMP)),$(STAMP),$(DEMO_STAMP))

define INSTALL
	@command -v $(PYTHON) >/dev/null || { echo "missing: $(PYTHON). Install Python 3.11 or later (Debian: apt-get install python3 python3-pip make), or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "missing: Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V). Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "missing: pip for $(PYTHON) (Debian: apt-get install python3-pip)"; exit 1; }
	@$(PYTHON) -m config.project.install
endef

# Where compiled modules are not kept, every process of ours compiles all of them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo playground test quick one fix lint unit browser image fresh pictures walk matrix chaos bench site contract lock clean \
	audit package releasable notes
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# Everything, or what the demo needs, which is some of everything. Each renews what is there.
$(STAMP): requirements/dev.txt
	$(INSTALL) dev
	@touch $(STAMP)

$(DEMO_STAMP): requirements/demo.txt
	$(INSTALL) demo
	@touch $(DEMO_STAMP)

demo: $(FOR_DEMO)
	@$(BIN)/python -m examples.demo

playground: $(FOR_DEMO)
	@$(BIN)/python -m examples.playground

test: lint unit

quick: $(STAMP)
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest --without-processes

# T: a file, a folder, or a test in a file (tests/x.py::name).
one: $(STAMP)
	@$(BIN)/python -m pytest $(T)

fix: $(STAMP)
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .

lint: $(STAMP)
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy
	@$(BIN)/bandit -q -c pyproject.toml -r shopstream worker jobs gateway config sandbox shopstream_sandbox

unit: $(STAMP)
	@$(BIN)/python -m tests.suite

browser: $(STAMP)
	@$(BIN)/python -m pytest --browser tests/dashboard

fresh: $(STAMP)
	@$(BIN)/python -m tests.fresh_debian

image: $(STAMP)
	@$(BIN)/python -m pytest --image tests/containers

pictures: $(STAMP)
	@$(BIN)/python -m tests.dashboard.browser.pictures
	@$(BIN)/python -m tests.dashboard.browser.detail_pictures

walk: $(STAMP)
	@$(BIN)/python -m tests.docs.walk $(if $(WRITE),--write)

matrix: $(STAMP)
	@SHOPSTREAM_MATRIX=1 $(BIN)/python -m pytest tests/matrix

chaos: $(STAMP)
	@$(BIN)/python -m tests.chaos $(if $(NIGHTLY),--nightly) $(ONLY)

# `real` wants an optimized Python: .venv's own, or that of a second environment beside it.
bench: $(STAMP)
	@python="$$($(BIN)/python -m config.project.optimized_python $(ONLY))" && "$$python" -m benchmarks $(ONLY)

site: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build  # with -q it would let warnings pass
	@echo "look at it: $(BIN)/python -m http.server -b 127.0.0.1 -d build/site, http://127.0.0.1:8000"

contract: $(STAMP)
	@$(BIN)/python -m contract

# Not one of the locked tools: it must know today's vulnerabilities, not those of the lock's day.
audit: $(STAMP)
	@$(BIN)/uvx --quiet pip-audit --strict --disable-pip --require-hashes -r requirements/dev.txt

lock: $(STAMP)
	@$(BIN)/python -m config.project.lock

package: $(STAMP)
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist
	@cd shopstream_sandbox && ../$(BIN)/python -m hatchling build -d ../dist
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/check-wheel-contents dist/*.whl

# The two use TAG, such as v1.2.3, as the shell's own variable, so that no tag can be a command.
releasable:
	@$(PYTHON) -m config.project.changelog check "$$TAG"

notes: $(STAMP)
	@$(BIN)/python -m config.project.changelog notes "$$TAG"

clean:
	rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
