# SPDX-License-Identifier: BSD-3-Clause
"""``python -m taut`` is the console script ``taut``."""

from __future__ import annotations

from taut.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
