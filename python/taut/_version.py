# SPDX-License-Identifier: BSD-3-Clause
"""The version; the build reads this line."""

from __future__ import annotations

__version__ = "0.1.0"
