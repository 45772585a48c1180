# SPDX-License-Identifier: BSD-3-Clause
"""The compiled kernels, in the variant that fits this processor.

The extension is built once for the baseline instruction set (``v1``) and once for x86-64-v3, that
is AVX2 and FMA (``v3``). The environment variable ``TAUT_VARIANT`` chooses one by hand, for tests
and bug reports. ``VARIANT`` names the one in use.
"""

from __future__ import annotations

import importlib
import importlib.util
import os

from taut import _cpu

_KNOWN = ("v1", "v3")


def _choose(requested: str | None, built: tuple[str, ...], has_v3: bool) -> str:
    """Name of the variant to load; an ImportError that says what to do when there is none."""
    if not built:
        raise ImportError(
            "taut is installed without its compiled module. Reinstall it with 'pip install .'."
        )
    if requested is None:
        if has_v3 and "v3" in built:
            return "v3"
        if "v1" in built:
            return "v1"
        raise ImportError(
            "This build of taut holds only code for x86-64-v3 (AVX2, FMA), which this processor "
            "cannot run. Build it with TAUT_VARIANTS=v1."
        )
    if requested not in _KNOWN:
        raise ImportError(f"TAUT_VARIANT must be 'v1' or 'v3', got {requested!r}.")
    if requested not in built:
        raise ImportError(
            f"TAUT_VARIANT is {requested!r}, but this build of taut holds only: {', '.join(built)}."
        )
    if requested == "v3" and not has_v3:
        raise ImportError(
            "TAUT_VARIANT is 'v3', but this processor cannot run x86-64-v3 code (AVX2, FMA)."
        )
    return requested


def _built() -> tuple[str, ...]:
    return tuple(v for v in _KNOWN if importlib.util.find_spec(f"taut._core_{v}") is not None)


_module = importlib.import_module(
    f"taut._core_{_choose(os.environ.get('TAUT_VARIANT') or None, _built(), _cpu.has_v3())}"
)
globals().update({k: v for k, v in vars(_module).items() if not k.startswith("_")})
__version__ = _module.__version__
