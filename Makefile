# Two commands do everything: `make demo` and `make test`.  Both make the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: demo test lint table docs web-runtime clean

# A run that was made with other settings is refused, so the demo always starts afresh.
demo: $(VENV)/.installed
	$(BIN)/visavis train mnist --out $(DEMO) --fresh --time 200s --report
	@echo "to play with it in the browser: $(BIN)/visavis demo $(DEMO)"

test: $(VENV)/.installed-test
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python benchmarks/make_tables.py --check

table: $(VENV)/.installed-test
	$(BIN)/python benchmarks/make_tables.py

docs: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/mkdocs build --strict

# The browser's runtime, for wheels and for pages made without a network; without npm it is fetched when it is needed.
web-runtime: $(VENV)/.installed
	mkdir -p build && npm pack --pack-destination build onnxruntime-web@$$($(BIN)/python -c 'from visavis.export.web.runtime import VERSION; print(VERSION)')
	$(BIN)/python -m visavis.export.web.runtime build/onnxruntime-web-*.tgz src/visavis/export/web/runtime

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[export,serve]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
