# SPDX-License-Identifier: BSD-3-Clause
"""The progress bar with and without the packages that draw it."""

from __future__ import annotations

import pytest

from taut import _progress
from taut._progress import progress_bar
from taut.exceptions import OptionalDependencyError


def test_disabled_bar_writes_nothing(capfd):
    with progress_bar(10, "fit") as bar:
        bar.update(5, "half")
    assert capfd.readouterr() == ("", "")


def test_bar_is_off_by_default_choice_when_output_is_no_terminal(capfd):
    with progress_bar(10, "fit", enabled=None) as bar:
        bar.update(5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", ["rich", "tqdm"])
def test_enabled_bar_writes_to_standard_error_only(backend, capfd, monkeypatch):
    pytest.importorskip(backend)
    monkeypatch.setattr(_progress, "_backend", lambda: backend)
    with progress_bar(4, "path", enabled=True) as bar:
        for done in range(5):
            bar.update(done, f"step {done}")
    out, err = capfd.readouterr()
    assert out == ""
    assert "path" in err
    assert "100%" in err


def test_enabled_bar_without_rich_and_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_progress, "_backend", lambda: None)
    bar = progress_bar(10, enabled=True)
    with pytest.raises(OptionalDependencyError, match=r"pip install 'taut\[cli\]'"):
        bar.__enter__()


def test_errors_inside_the_block_pass_through():
    with pytest.raises(KeyError), progress_bar(10, enabled=False):
        raise KeyError("inner")
