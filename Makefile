# Each target sets up what it needs in .venv; nothing else has to be installed but
# Python 3.10-3.13 with venv and a C compiler (pyworld has no wheels).
PYTHON ?= python3
VENV ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)
# espnet 202511 pulls in ci_sdr, whose metadata pip 26 refuses.
PIP_VERSION = pip<26
RECIPE = egs2_recipe/mini/tts1

.PHONY: mini test torture lint docs mutants clean

mini: $(VENV)/.espeak ## Train, distil, speak and evaluate on the embedded corpus
	cd $(RECIPE) && ./run.sh

# A process a core; each takes whole files, whose tests share their fixtures.
test: $(VENV)/.test ## Lint and run every test
	$(MAKE) lint
	python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests

# Generated faults: files, texts, kills; e.g. MINUTES=120 SEED=1000000
torture: $(VENV)/.test
	python -m tests.torture --minutes $(or $(MINUTES),10) --seed $(or $(SEED),0)

lint: $(VENV)/.test
	ruff check .
	ruff format --check .
	mypy

docs: $(VENV)/.docs ## Build the manual in site/; a broken link or reference fails
	python -m mkdocs build --strict

mutants: $(VENV)/.test $(VENV)/.mutants ## Plant faults, count those that tests notice
	python -m mutmut run $(MUTANTS)
	python -m mutmut results

$(VENV)/.espeak $(VENV)/.test $(VENV)/.docs $(VENV)/.mutants: $(VENV)/.%: setup.py
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	python -m pip install -q "$(PIP_VERSION)"
	python -m pip install -q -e ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) site mutants $(RECIPE)/data $(RECIPE)/dump $(RECIPE)/exp $(RECIPE)/downloads
