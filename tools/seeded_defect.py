# SPDX-License-Identifier: BSD-3-Clause
"""Read past the end of a vector in the compiled module, which only sanitized builds offer."""

from __future__ import annotations

import importlib

from taut import _core

importlib.import_module(f"taut._core_{_core.VARIANT}")._seeded_defect()
