# SPDX-License-Identifier: BSD-3-Clause
"""Pack what make_reference.R wrote: ``python pack.py FOLDER`` fills the folder of this file.

A column that equals one of the block's first curve is replaced by "=", and files are compressed;
no digit is changed.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIMIT = 190_000


def shared(block: Any) -> Any:
    """Replace columns that repeat those of ``km_log`` by "="."""
    if not isinstance(block, dict):
        return block
    first = block.get("km_log")
    if not isinstance(first, dict):
        return {key: shared(value) for key, value in block.items()}
    out = {}
    for key, value in block.items():
        if key != "km_log" and isinstance(value, dict):
            value = {
                k: "=" if isinstance(v, list) and v == first.get(k) else v for k, v in value.items()
            }
        out[key] = value
    return out


def write(path: Path, text: bytes) -> int:
    """Write compressed without a time stamp, so that equal content gives equal files."""
    data = gzip.compress(text, 9, mtime=0)
    path.write_bytes(data)
    return len(data)


def main(folder: Path) -> None:
    for source in sorted(folder.glob("*.json")):
        blocks = json.loads(source.read_text())
        parts: dict[str, Any] = {"": {}}
        for key, block in blocks.items():
            big = len(gzip.compress(json.dumps(shared(block)).encode())) > 40_000
            parts.setdefault(f".{key}" if big else "", {})[key] = shared(block)
        for suffix, part in parts.items():
            size = write(
                HERE / f"{source.stem}{suffix}.json.gz",
                json.dumps(part, separators=(",", ":")).encode(),
            )
            if size > LIMIT:
                print(f"{source.stem}{suffix}: {size} bytes")
    for source in sorted(folder.glob("*.csv")):
        write(HERE / f"{source.stem}.csv.gz", source.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
