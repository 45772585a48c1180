# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the documentation; ``make docs`` builds it with warnings as errors.

The pages below ``api/`` are written here, from ``__all__`` of each subpackage, so that no public
name can be forgotten.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import zlib
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import numpydoc.xref  # noqa: E402

import taut  # noqa: E402

project = "taut"
author = "taut developers"
copyright = "taut developers, BSD-3-Clause"
version = release = taut.__version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.json"]
templates_path = ["_templates"]
default_role = "code"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
add_module_names = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Form: sections known, in order, underlined; a summary that is a sentence on one line; parameters
# that exist. What must be documented at all is asked by tests/test_docstrings.py, which knows which
# names are estimators, results or functions.
numpydoc_validation_checks = {
    *("GL01", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),
    *("SS01", "SS02", "SS03", "SS04", "SS06", "PR02", "PR10"),
}
# Members that the protocol of bilevel problems asks for are explained in LowerProblem, UpperProblem
numpydoc_validation_exclude = {
    r"\.set_\w+_request$",
    r"^taut\.typing\.",
    r"^taut\.bilevel\.\w+\.(value|grad\w*|hvp|cross_\w+|mu|smoothness|lip_\w+|constants)$",
}

html_theme = "pydata_sphinx_theme"
html_title = f"taut {release}"
html_static_path = ["_static"]
html_css_files = ["taut.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_nav_level": 1,
    "show_prev_next": False,
}
html_sidebars = {page: [] for page in ("index", "install", "papers", "changelog", "theory/index")}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("taut",),
    "backreferences_dir": None,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
}

# --- links to other projects ---

# Inventories are fetched where there is a network. Without one these names still become links, by
# the rule that the projects name their pages after the objects.
_ELSEWHERE = {
    "python": ("https://docs.python.org/3/", "", ()),
    "numpy": (
        "https://numpy.org/doc/stable/",
        "reference/generated/{}.html",
        ("numpy.ndarray", "numpy.dtype", "numpy.memmap"),
    ),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/",
        "reference/generated/{}.html",
        ("scipy.sparse.csc_array", "scipy.sparse.csr_array", "scipy.sparse.linalg.LinearOperator"),
    ),
    "sklearn": (
        "https://scikit-learn.org/stable/",
        "modules/generated/{}.html",
        (
            "sklearn.base.BaseEstimator",
            "sklearn.exceptions.ConvergenceWarning",
            "sklearn.exceptions.DataConversionWarning",
            "sklearn.exceptions.NotFittedError",
            "sklearn.linear_model.Lasso",
            "sklearn.linear_model.LogisticRegression",
            "sklearn.model_selection.GridSearchCV",
            "sklearn.pipeline.Pipeline",
            "sklearn.utils.Bunch",
        ),
    ),
    "pandas": (
        "https://pandas.pydata.org/docs/",
        "reference/api/{}.html",
        ("pandas.DataFrame", "pandas.Series", "pandas.Categorical"),
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        "api/_as_gen/{}.html",
        ("matplotlib.axes.Axes", "matplotlib.figure.Figure"),
    ),
}
_INVENTORIES = HERE / "_build" / "inventories"
_INVENTORIES.mkdir(parents=True, exist_ok=True)
intersphinx_timeout = 5
intersphinx_mapping = {}
for _name, (_url, _page, _objects) in _ELSEWHERE.items():
    _lines = "".join(f"{o} py:class 1 {_page.format(o)} -\n" for o in _objects)
    _head = f"# Sphinx inventory version 2\n# Project: {_name}\n# Version: \n"
    _head += "# The remainder of this file is compressed using zlib.\n"
    _file = _INVENTORIES / f"{_name}.inv"
    _file.write_bytes(_head.encode() + zlib.compress(_lines.encode()))
    intersphinx_mapping[_name] = (_url, (None, str(_file)))

numpydoc_xref_param_type = True
numpydoc.xref.DEFAULT_LINKS.clear()  # terms of glossaries that are not there without a network
numpydoc_xref_aliases = {
    "ndarray": "numpy.ndarray",
    "DataFrame": "pandas.DataFrame",
    "Axes": "matplotlib.axes.Axes",
    "Figure": "matplotlib.figure.Figure",
    "Bunch": "sklearn.utils.Bunch",
    "CoLiDE": "taut.graph.CoLiDE",
    "PathResult": "taut.linear_model.PathResult",
    "OTResult": "taut.ot.OTResult",
}
numpydoc_xref_ignore = "all"

# --- the reference ---

SECTIONS = {
    "Regression and classification": ["linear_model", "datafits", "penalties", "prox"],
    "Choosing": ["model_selection", "screening", "metrics"],
    "Censored times": ["survival", "privacy"],
    "Transport, graphs, codes": ["ot", "graph", "decomposition", "linsolve", "bilevel"],
    "Around": ["plotting", "datasets", "testing", "exceptions", "typing"],
}


def _kind(value: Any) -> str:
    if inspect.ismodule(value):
        return "Modules"
    if inspect.isclass(value):
        return "Classes"
    return "Functions" if inspect.isfunction(value) else "Types"


def _page(path: str) -> str:
    """Return the page of one module: its docstring, then tables of its names by kind."""
    module = importlib.import_module(path)
    title = f"``{path}``"
    lines = [title, "=" * len(title), "", f".. automodule:: {path}", "   :no-members:", ""]
    groups: dict[str, list[str]] = {}
    elsewhere = []
    for name in module.__all__:
        value = getattr(module, name)
        home = getattr(value, "__module__", path)
        if inspect.ismodule(value) or path == "taut.typing" or home.startswith("taut"):
            groups.setdefault(_kind(value), []).append(name)
        else:
            elsewhere.append(f":py:obj:`{name} <{home}.{name}>`")
    lines += [f".. currentmodule:: {path}", ""]
    for kind, names in groups.items():
        if kind == "Modules":
            lines += [".. toctree::", "   :hidden:", "", *(f"   {path}.{n}" for n in names), ""]
            lines += [f"* :doc:`{path}.{n}`" for n in names] + [""]
            continue
        if path == "taut.typing":
            lines += [f"* ``{name}``" for name in names] + [""]
            continue
        lines += [f".. rubric:: {kind}", "", ".. autosummary::", "   :toctree: generated"]
        lines += ["", *(f"   {name}" for name in names), ""]
    if elsewhere:
        lines += [f"Also here, from scikit-learn: {', '.join(sorted(elsewhere))}.", ""]
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    """Write only what has changed, so that a second build is quick."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def write_reference() -> None:
    """Write api/index.rst and a page for each subpackage."""
    folder = HERE / "api"
    folder.mkdir(exist_ok=True)
    listed = {name for names in SECTIONS.values() for name in names}
    missing = taut._SUBPACKAGES - listed
    index = ["Reference", "=========", ""]
    index += ["Every public name, by subpackage. The estimators of ``taut.linear_model`` are"]
    index += ["reached from ``taut`` itself too.", ""]
    for title, names in {**SECTIONS, "More": sorted(missing)}.items():
        there = [f"taut.{name}" for name in names if name in taut._SUBPACKAGES]
        if not there:
            continue
        index += [title, "-" * len(title), "", ".. toctree::", "   :maxdepth: 1", ""]
        index += [f"   {path}" for path in there] + [""]
        for path in there:
            _write(folder / f"{path}.rst", _page(path))
    from taut import testing

    for name in testing.__all__:
        _write(folder / f"taut.testing.{name}.rst", _page(f"taut.testing.{name}"))
    _write(folder / "index.rst", "\n".join(index))


write_reference()
# Named one by one: a page that is new since the last build is found too.
autosummary_generate = [str(path) for path in sorted((HERE / "api").glob("*.rst"))]


class _Pair(NamedTuple):
    first: int


def _skip(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what is inherited from scikit-learn and documented there."""
    if isinstance(value, type(_Pair.first)):
        return True  # fields of named tuples are listed as attributes
    function = value.fget if isinstance(value, property) else value
    home = getattr(inspect.unwrap(function), "__module__", None) if callable(function) else "taut"
    return True if not str(home).startswith("taut") else None


# --- names in the guide become links ---


def _addresses() -> dict[str, str]:
    """Where the names that may stand in a page lead: with their package, or alone where unique."""
    found: dict[str, set[str]] = {}
    for package in taut._SUBPACKAGES:
        for name in importlib.import_module(f"taut.{package}").__all__:
            path = f"taut.{package}.{name}"
            for short in (path, f"{package}.{name}", name):
                found.setdefault(short, set()).add(path)
    # `ElasticNet` by itself is the estimator and not the penalty.
    found.update({name: {f"taut.linear_model.{name}"} for name in taut.linear_model.__all__})
    return {short: paths.pop() for short, paths in found.items() if len(paths) == 1}


ADDRESSES = _addresses()


def _link(app: Any, docname: str, source: list[str]) -> None:
    if not docname.startswith(("user_guide/", "papers", "theory/", "index")):
        return
    parts = re.split(r"(```.*?```)", source[0], flags=re.DOTALL)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(
            r"(?<![`\[}])`([A-Za-z_][\w.]*)`(?!`)",
            lambda m: (
                f"{{py:obj}}`{m[1]} <{ADDRESSES[m[1]]}>`"
                if m[1] in ADDRESSES and (not m[1].islower() or set(m[1]) & set("._"))
                else m[0]
            ),
            parts[i],
        )
    source[0] = "".join(parts)


def setup(app: Any) -> None:
    app.connect("autodoc-skip-member", _skip)
    app.connect("source-read", _link)
