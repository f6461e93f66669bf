"""The reference of a family's classes: with the docstring of the class that holds their code, and links to each other.

The docstrings are written once, in the classes called Agnostic: what these names mean depends on the page.
"""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

_FAMILIES = {"motor.motor_asyncio": "AsyncIOMotor", "motor.motor_tornado": "Motor"}
_DEFAULT_FAMILY = "motor.motor_asyncio"
_AGNOSTIC = "Agnostic"

_MADE_BY_METHODS = ("ChangeStream", "ClientSession", "Cursor")
"""What the names of classes end with whose constructors are not for applications."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _describe)
    app.connect("autodoc-process-signature", _hide_constructor)
    app.connect("doctree-read", _rename_references)
    return {"parallel_read_safe": True}


def _describe(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if what != "class" or obj.__module__ not in _FAMILIES:
        return
    written = next(base.__doc__ for base in obj.__mro__ if base.__name__.startswith(_AGNOSTIC))
    first, *rest = (written or "").splitlines()
    indentation = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    lines[:] = [first, *(line[indentation:] for line in rest), ""]


def _hide_constructor(app: Sphinx, what: str, name: str, *_: Any) -> tuple[str, None] | None:
    return ("", None) if what == "class" and name.endswith(_MADE_BY_METHODS) else None


def _rename_references(app: Sphinx, doctree: nodes.document) -> None:
    for node in doctree.findall(pending_xref):
        name = node["reftarget"].rpartition("motor.core.")[2]
        owner = node.get("py:class") or ""
        if owner.startswith(_AGNOSTIC) and node["reftype"] in ("attr", "meth") and "." not in name:
            name = f"{owner}.{name}"
        if node.get("refdomain") != "py" or not name.startswith(_AGNOSTIC):
            continue
        module = node.get("py:module")
        if module not in _FAMILIES:
            if "." not in name:
                continue  # the class itself is meant, for annotations
            module = _DEFAULT_FAMILY
        node["reftarget"] = f"{module}.{_of_family(module, name)}"
        for text in list(node.findall(nodes.Text)):
            text.parent.replace(text, nodes.Text(_of_family(module, text)))


def _of_family(module: str, text: str) -> str:
    """The same with the names that the classes have in a family."""
    return text.replace(f"{_AGNOSTIC}BaseCursor", f"{_AGNOSTIC}Cursor").replace(_AGNOSTIC, _FAMILIES[module])
