# Two commands do everything: `make demo` and `make test`.  Both make the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: demo test lint table clean

# A run that was made with other settings is refused, so the demo always starts afresh.
demo: $(VENV)/.installed
	$(BIN)/visavis train stacked-digits --out $(DEMO) --fresh --time 200s
	@echo
	@echo "samples: $$(ls $(DEMO)/samples/*.png | tail -n 1)   real: $(DEMO)/real.png   curves: $(DEMO)/curves.png"

test: $(VENV)/.installed-test
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python benchmarks/make_tables.py --check

table: $(VENV)/.installed-test
	$(BIN)/python benchmarks/make_tables.py

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
