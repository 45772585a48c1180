# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented: arguments, shapes, errors, source, and an example that runs.

That the examples are right is checked where the suite runs them as doctests.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import taut

TITLES = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
LINK = re.compile(r":(?:class|func|meth):`~?([\w.]+)`")
ARRAY = re.compile(r"\b(ndarray|array-like|array|sparse matrix)\b")


def public() -> Iterator[tuple[str, Any]]:
    """Every name of every ``__all__`` that is defined here, with its address."""
    for package in sorted(taut._SUBPACKAGES):
        module = importlib.import_module(f"taut.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            inner = {}
            if inspect.ismodule(value):
                inner = {f"{name}.{n}": getattr(value, n) for n in value.__all__}
            for path, thing in (inner or {name: value}).items():
                here = str(getattr(thing, "__module__", "")).startswith("taut")
                if here and (inspect.isclass(thing) or inspect.isfunction(thing)):
                    yield f"{package}.{path}", thing


NAMES = dict(public())
FUNCTIONS = {k: v for k, v in NAMES.items() if inspect.isfunction(v)}
CLASSES = {k: v for k, v in NAMES.items() if inspect.isclass(v)}


def own_doc(thing: Any) -> str:
    """The docstring, unless it is inherited or made up by a decorator."""
    doc = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
    doc = inspect.cleandoc(doc or "")
    return "" if doc.startswith(f"{getattr(thing, '__name__', '')}(") else doc


def sections(doc: str) -> dict[str, str]:
    """Section titles of a numpydoc docstring, and what stands below them."""
    parts = TITLES.split(doc)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> list[tuple[list[str], str]]:
    """Names and type of each entry of a section of parameters."""
    found = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            found.append(([n.strip().lstrip("*") for n in names.split(",")], kind))
    return found


def arguments(thing: Any) -> list[str]:
    if inspect.isclass(thing):
        if issubclass(thing, tuple):
            return list(thing._fields)
        if thing.__init__ in (object.__init__, Exception.__init__):
            return []
        if issubclass(thing, dict) or (
            issubclass(thing, Exception) and "__init__" not in vars(thing)
        ):
            return []
    try:
        names = list(inspect.signature(thing).parameters)
    except ValueError:
        names = list(inspect.signature(thing.__init__).parameters)[1:]
    return names


def test_there_are_as_many_names_as_the_reference_lists():
    assert len(NAMES) > 200


@pytest.mark.parametrize("name", NAMES)
def test_summary_and_arguments(name):
    thing = NAMES[name]
    doc = own_doc(thing)
    assert doc, "no docstring of its own"
    summary = doc.splitlines()[0]
    assert summary.endswith((".", "?")), summary
    assert len(doc.splitlines()) == 1 or doc.splitlines()[1] == "", "the summary is one line"
    found = sections(doc)
    listed = [n for names, _ in entries(found.get("Parameters", "")) for n in names]
    fields = [n for names, _ in entries(found.get("Attributes", "")) for n in names]
    wanted = set(arguments(thing))
    given = set(listed)
    if not listed and fields and not hasattr(thing, "fit"):
        # A result, made by taut and not by users: its fields are attributes.
        wanted = set(getattr(thing, "_fields", getattr(thing, "__dataclass_fields__", ())))
        wanted = {name for name in wanted if not name.startswith("_")}
        given = set(fields)
    assert len(listed) == len(set(listed)), "an argument twice"
    assert wanted <= given, f"not documented: {sorted(wanted - given)}"
    assert set(listed) <= wanted, f"not there: {sorted(set(listed) - wanted)}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_say_what_they_return(name):
    assert {"Returns", "Yields"} & set(sections(own_doc(FUNCTIONS[name])))


@pytest.mark.parametrize("name", NAMES)
def test_arrays_have_shapes(name):
    found = sections(own_doc(NAMES[name]))
    for title in ("Parameters", "Attributes", "Returns"):
        for names, kind in entries(found.get(title, "")):
            kind = kind or names[0]
            bare = ARRAY.search(kind) and not re.search(r"shape|scalar|of |like y|like x", kind)
            assert not bare, f"{title}: {names} is {kind!r}, without a shape"


def _raises(thing: Any) -> bool:
    """Whether its own lines raise."""
    return bool(re.search(r"^\s+raise [A-Z]\w*Error\(", inspect.getsource(thing), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_errors_are_named(name):
    if _raises(NAMES[name]) and not name.startswith("exceptions."):
        assert "Raises" in sections(own_doc(NAMES[name]))


@pytest.mark.parametrize("name", NAMES)
def test_there_is_an_example(name):
    if name.startswith("typing."):
        return
    assert ">>> " in sections(own_doc(NAMES[name])).get("Examples", "")


# Plumbing without a method of the literature behind it.
NO_SOURCE = ("exceptions.", "typing.", "plotting.", "datasets.make_", "datasets.load_example")


def _has_source(doc: str) -> bool:
    return "References" in sections(doc) or bool(re.search(r"\b(1[89]|20)\d\d\b", doc))


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith(NO_SOURCE)])
def test_source_is_named_or_one_link_away(name):
    """A year of publication, a section of references, or a link to a name that has one."""
    doc = own_doc(NAMES[name])
    if _has_source(doc):
        return
    package = name.split(".")[0]
    links = LINK.findall(doc) + [
        name for names, _ in entries(sections(doc).get("See Also", "")) for name in names
    ]
    near = []
    for link in links:
        path = link.removeprefix("taut.").split(".")
        near += [key for key in (f"{package}.{path[0]}", ".".join(path[:2])) if key in NAMES]
    texts = [own_doc(NAMES[key]) for key in near]
    if package == "testing":  # the derivation and its source stand once, at the head of the module
        texts.append(inspect.getmodule(NAMES[name]).__doc__)
    assert any(map(_has_source, texts)), f"none of {near} names a source"


@pytest.mark.parametrize("name", CLASSES)
def test_public_methods_have_a_sentence(name):
    for key, value in vars(CLASSES[name]).items():
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        if not key.startswith("_") and inspect.isfunction(value):
            assert value.__doc__, key
            assert value.__doc__.strip().splitlines()[0].endswith((".", ":")), key
