# make demo [DATA=ticks.parquet]   a chart in JupyterLab
# make test                        everything, as CI runs it
# make faults                      writers of a store killed at 400 random points

PYTHON := .venv/bin/python
BUNDLE := kf_widget/static/widget.js
JS := $(shell find js -name node_modules -prune -o -type f ! -name '*.py' -print)

.PHONY: demo test faults lint format bench warm build clean preflight js-test
.DELETE_ON_ERROR:

demo: .venv/installed-lab
	@$(PYTHON) .ci/demo.py notebooks/quickstart.ipynb $(if $(DATA),--data "$(DATA)")

test: .venv/installed-test lint js-test
	@KF_CHROMIUM="$$(sh .ci/chromium.sh)" && export KF_CHROMIUM && \
		$(PYTHON) -m kf_widget warm && \
		$(PYTHON) -m pytest --nbval-lax tests notebooks $(PYTEST)

faults: .venv/installed-test
	KF_KILLS=200 $(PYTHON) -m pytest tests/store/test_kills.py tests/store/test_replay.py

lint: .venv/installed-test js/node_modules/installed
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	cd js && npm run typecheck && npm run format

format: .venv/installed-test js/node_modules/installed
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format
	cd js && npm run format:write

js-test: js/node_modules/installed
	cd js && npm test

bench: .venv/installed-test
	@KF_CHROMIUM="$$(sh .ci/chromium.sh)" && export KF_CHROMIUM && $(PYTHON) benchmarks/scrub.py

warm: .venv/installed-lab
	$(PYTHON) -m kf_widget warm

build: .venv/installed-test
	$(PYTHON) -m build --outdir dist

clean:
	rm -rf .venv dist build kf_widget/static js/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# What follows installs; what is missing is said first.

preflight:
	@sh .ci/preflight.sh

.venv/bin/python: | preflight
	"$$(sh .ci/preflight.sh python)" -m venv --clear .venv

.venv/installed-lab: pyproject.toml kf_widget/server.json $(BUNDLE) | .venv/bin/python
	$(PYTHON) -m pip install --quiet --editable '.[lab]'
	@touch $@

.venv/installed-test: pyproject.toml kf_widget/server.json $(BUNDLE) | .venv/bin/python
	$(PYTHON) -m pip install --quiet --editable '.[lab,test,dev]'
	@touch $@ .venv/installed-lab

$(BUNDLE): js/node_modules/installed $(JS)
	cd js && npm run build
	@touch $@

js/node_modules/installed: js/package.json js/package-lock.json | preflight
	cd js && npm ci
	@touch $@
