# SPDX-License-Identifier: BSD-3-Clause
"""The installed package: variants, import, metadata, and the border to the compiled module."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import taut
from taut import _core, _cpu

BUILT = [v for v in ("v1", "v3") if importlib.util.find_spec(f"taut._core_{v}") is not None]
RUNNABLE = [v for v in BUILT if v == "v1" or _cpu.has_v3()]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- versions and import ---


def test_version_is_the_same_in_package_metadata_and_compiled_module():
    assert taut.__version__ == importlib.metadata.version("taut") == _core.__version__


def test_import_taut_loads_neither_numpy_nor_the_compiled_module():
    done = run_python(
        "import sys, taut; print([m for m in ('numpy', 'taut._core') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_resolves_to_linear_model():
    from taut import linear_model

    for name in set(taut.__all__) - {"__version__"}:
        assert getattr(taut, name) is getattr(linear_model, name)
        assert name in dir(taut)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lassso'"):
        _ = taut.lassso


def test_licence_files_are_installed():
    files = importlib.metadata.files("taut") or []
    texts = {f.name: f.read_text() for f in files if f.name in ("LICENSE", "NOTICE")}
    # An editable install lists them too: they belong to the metadata.
    assert "BSD 3-Clause" in texts["LICENSE"]
    assert "Mozilla Public License 2.0" in texts["NOTICE"]


def test_package_is_marked_as_typed():
    assert Path(taut.__file__).with_name("py.typed").exists()


# --- variants ---


@pytest.mark.parametrize("variant", RUNNABLE)
def test_variant_is_chosen_by_the_environment(variant):
    done = run_python("from taut import _core; print(_core.VARIANT)", TAUT_VARIANT=variant)
    assert done.stdout.strip() == variant, done.stderr


def test_best_runnable_variant_is_the_default():
    done = run_python("from taut import _core; print(_core.VARIANT)", TAUT_VARIANT="")
    assert done.stdout.strip() == RUNNABLE[-1], done.stderr


def test_unknown_variant_is_refused_by_name():
    done = run_python("from taut import _core", TAUT_VARIANT="avx512")
    assert done.returncode != 0
    assert "TAUT_VARIANT must be 'v1' or 'v3', got 'avx512'" in done.stderr


@pytest.mark.parametrize(
    ("requested", "built", "has_v3", "message"),
    [
        (None, (), True, "without its compiled module"),
        (None, ("v3",), False, "TAUT_VARIANTS=v1"),
        ("v3", ("v1",), True, "holds only: v1"),
        ("v3", ("v1", "v3"), False, "cannot run x86-64-v3"),
        ("v2", ("v1", "v3"), True, "got 'v2'"),
    ],
)
def test_impossible_variant_says_what_to_do(requested, built, has_v3, message):
    with pytest.raises(ImportError, match=re.escape(message)):
        _core._choose(requested, built, has_v3)


@pytest.mark.parametrize(
    ("built", "has_v3", "chosen"),
    [(("v1", "v3"), True, "v3"), (("v1", "v3"), False, "v1"), (("v1",), True, "v1")],
)
def test_choice_without_a_request(built, has_v3, chosen):
    assert _core._choose(None, built, has_v3) == chosen


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/cpuinfo")
def test_detector_agrees_with_the_kernel_of_the_system():
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    flags = set(found.group(1).split()) if found else set()
    wanted = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
    assert _cpu.has_v3() == (wanted <= flags)


@pytest.mark.skipif(len(RUNNABLE) < 2, reason="one variant only")
def test_variants_load_side_by_side_and_draw_the_same_numbers():
    from taut import _core_v1, _core_v3

    assert (_core_v1.VARIANT, _core_v3.VARIANT) == ("v1", "v3")
    np.testing.assert_array_equal(
        _core_v1.philox_uniform(5, 6, 7, 1000), _core_v3.philox_uniform(5, 6, 7, 1000)
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF only")
@pytest.mark.parametrize("variant", BUILT)
def test_module_exports_only_its_init_function(variant):
    if subprocess.run(["which", "nm"], capture_output=True, check=False).returncode:
        pytest.skip("nm is not installed")
    path = importlib.util.find_spec(f"taut._core_{variant}").origin
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True
    )
    names = [line.split()[-1] for line in listed.stdout.splitlines()]
    assert names == [f"PyInit__core_{variant}"]


# --- arrays at the border ---


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fortran_array_is_seen_in_place(dtype, rng):
    X = np.asfortranarray(rng.standard_normal((5, 3)).astype(dtype))
    X.setflags(write=False)
    assert _core.describe_design(X) == {
        "format": "dense",
        "n_rows": 5,
        "n_cols": 3,
        "address": X.ctypes.data,
        "itemsize": X.itemsize,
        "ld": 5,
    }


def test_slices_of_fortran_arrays_are_seen_in_place(rng):
    X = np.asfortranarray(rng.standard_normal((8, 6)))
    for part, ld in [(X[:, 2:5], 8), (X[1:4], 8), (X[:, ::2], 16), (X[:, 3:4], 8)]:
        seen = _core.describe_design(part)
        assert (seen["n_rows"], seen["n_cols"]) == part.shape
        assert seen["address"] == part.ctypes.data
        if part.shape[1] > 1:
            assert seen["ld"] == ld


def test_memory_map_is_seen_in_place(tmp_path, rng):
    X = rng.standard_normal((4, 7))
    np.asfortranarray(X).T.tofile(tmp_path / "X.bin")
    mapped = np.memmap(tmp_path / "X.bin", dtype=np.float64, mode="r", shape=(4, 7), order="F")
    assert _core.describe_design(mapped)["address"] == mapped.ctypes.data


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 4), (4, 1), (1, 1)])
def test_thin_and_empty_arrays_pass_in_either_order(shape):
    for order in "CF":
        seen = _core.describe_design(np.ones(shape, order=order))
        assert (seen["n_rows"], seen["n_cols"]) == shape


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_columns_are_seen_in_place(index, dtype, rng):
    X = sp.random_array((6, 4), density=0.5, rng=rng, dtype=dtype, format="csc")
    parts = (X.data, X.indices.astype(index), X.indptr.astype(index), 6, 4)
    assert _core.describe_design(parts) == {
        "format": "csc",
        "n_rows": 6,
        "n_cols": 4,
        "address": X.data.ctypes.data,
        "itemsize": np.dtype(dtype).itemsize,
        "index_itemsize": np.dtype(index).itemsize,
    }


def i32(*values):
    return np.array(values, dtype=np.int32)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1.0]], TypeError, "X must be a numpy array, got list"),
        (np.ones((3, 2), dtype=int, order="F"), TypeError, "float64 or float32, got int64"),
        (np.ones((3, 2), dtype=">f8", order="F"), TypeError, "float64 or float32, got >f8"),
        (np.ones(3), ValueError, "X must have 2 dimensions, got 1"),
        (np.ones((3, 2)), ValueError, "X must be Fortran-ordered"),
        (np.ones((3, 2), order="F")[::-1], ValueError, "X must be Fortran-ordered"),
        (np.ones((3, 2), order="F")[:, ::-1], ValueError, "X must be Fortran-ordered"),
        (np.broadcast_to(np.ones((3, 1)), (3, 2)), ValueError, "X must be Fortran-ordered"),
        ((np.ones(1), i32(0)), ValueError, "got 2 items"),
        ((np.ones(1, int), i32(0), i32(0, 1), 1, 1), TypeError, "X.data must have dtype float64"),
        ((np.ones(1), np.ones(1), i32(0, 1), 1, 1), TypeError, "X.indices must have dtype int32"),
        ((np.ones(1), i32(0), np.array([0, 1]), 1, 1), TypeError, "X.indptr must have dtype int32"),
        ((np.ones(1), i32(0), i32(0, 1), 1, 2), ValueError, "X.indptr must have length 3, got 2"),
        ((np.ones(2), i32(0), i32(0, 1), 1, 1), ValueError, "X.indices must have length 2, got 1"),
        (
            (np.ones(1), i32(0), i32(0, 2), 1, 1),
            ValueError,
            "X.indptr must rise from 0 to at most 1",
        ),
        ((np.ones(2), i32(0, 0), i32(0, 2, 1), 1, 2), ValueError, "X.indptr must rise"),
        ((np.ones(1), i32(1), i32(0, 1), 1, 1), ValueError, "X.indices must lie in 0 .. 0"),
        ((np.ones(1), i32(-1), i32(0, 1), 1, 1), ValueError, "X.indices must lie in 0 .. 0"),
        ((np.ones(2)[::2], i32(0, 0)[::2], i32(0, 1), -1, 1), ValueError, "shape >= 0"),
        ((np.ones(4)[::2], i32(0, 0), i32(0, 2), 1, 1), ValueError, "X.data must be contiguous"),
    ],
)
def test_array_that_would_need_a_copy_is_refused(X, error, message):
    with pytest.raises(error, match=re.escape(message)):
        _core.describe_design(X)


# --- monitor ---


def test_callback_is_called_at_most_every_50_ms():
    calls = []
    _core.burn(0.6, lambda state: calls.append((time.perf_counter(), state)))
    times = np.array([moment for moment, _ in calls])
    assert len(calls) >= 2
    # The clock of the monitor starts after the callback returned; 1 ms for the clocks' difference.
    assert np.diff(times).min() >= 0.049
    assert set(calls[0][1]) == {"step", "n_steps", "alpha", "gap", "n_active"}
    steps = [state["step"] for _, state in calls]
    assert steps == sorted(steps)


def test_error_of_a_callback_ends_the_kernel():
    def fail(state):
        raise LookupError(f"seen {sorted(state)[0]}")

    start = time.perf_counter()
    with pytest.raises(LookupError, match="seen alpha"):
        _core.burn(30.0, fail)
    assert time.perf_counter() - start < 5.0


@pytest.mark.parametrize("callback", [3, "print"])
def test_callback_must_be_callable(callback):
    with pytest.raises(TypeError, match="callback must be callable or None"):
        _core.burn(0.0, callback)


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt also where the test run was started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_ends_the_kernel():
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    start = time.perf_counter()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            _core.burn(30.0)
    finally:
        timer.join()
    # 50 ms by design; the rest is for a loaded machine.
    assert time.perf_counter() - start < 0.3 + 0.3


def test_other_python_threads_run_during_a_kernel():
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.01):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    _core.burn(0.3)
    end = time.perf_counter()
    stop.set()
    thread.join()
    # None if the lock were held; on a busy machine the thread is not woken each time it could be.
    assert sum(start < t < end for t in ticks) >= 2


def test_stub_has_every_function_of_the_compiled_module_with_its_parameters():
    tree = ast.parse(Path(taut.__file__).with_name("_core.pyi").read_text())
    stub = {
        node.name: [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    module = importlib.import_module(f"taut._core_{_core.VARIANT}")
    functions = {n: f for n, f in vars(module).items() if callable(f) and not n.startswith("_")}
    # pybind11 opens each docstring with the signature; drop its types and defaults.
    compiled = {
        name: re.findall(r"[(,] (?:\*, )?(\w+): ", f.__doc__.splitlines()[0].replace("(", "( "))
        for name, f in functions.items()
    }
    assert stub == compiled


def test_console_script_is_installed():
    scripts = importlib.metadata.entry_points(group="console_scripts", name="taut")
    assert json.dumps([s.value for s in scripts]) == '["taut.cli:main"]'


def test_names_looked_for_at_the_top_are_found():
    with pytest.raises(AttributeError, match=r"it is in taut\.survival"):
        _ = taut.KaplanMeier
    with pytest.raises(AttributeError, match=r"did you mean 'LassoCV'\?"):
        _ = taut.LasoCV
    assert not hasattr(taut, "_repr_html_")
