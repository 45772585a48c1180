# SPDX-License-Identifier: BSD-3-Clause
"""Turn the generated stub of one variant into python/taut/_core.pyi."""

from __future__ import annotations

import sys
from pathlib import Path

HEADER = """# SPDX-License-Identifier: BSD-3-Clause
# Written by `make stubs` from the compiled module; do not edit.
"""


def main(source: str, target: str) -> None:
    text = Path(source).read_text("utf-8")
    text = text.replace('VARIANT: str = "v3"', "VARIANT: str").replace(
        "VARIANT: str = 'v3'", "VARIANT: str"
    )
    Path(target).write_text(HEADER + text, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
