"""The reference of a family's classes: with the docstring of the class that holds their code, and links to each other.

The docstrings are written once, in the classes called Agnostic: what these names mean depends on the page.
"""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_FAMILIES = {"motor.motor_asyncio": "AsyncIOMotor", "motor.motor_tornado": "Motor"}
_DEFAULT_FAMILY = "motor.motor_asyncio"
_AGNOSTIC = "Agnostic"

_MADE_BY_METHODS = ("ChangeStream", "ClientSession", "Cursor")
"""What the names of classes end with whose constructors are not for applications."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _describe)
    app.connect("autodoc-process-signature", _hide_constructor)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}


def _describe(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if what == "module" and name in _FAMILIES:
        lines.clear()  # it is for those who read the code
    if what != "class" or obj.__module__ not in _FAMILIES:
        return
    written = next(base.__doc__ for base in obj.__mro__ if base.__name__.startswith(_AGNOSTIC))
    first, *rest = (written or "").splitlines()
    indentation = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    lines[:] = [first, *(line[indentation:] for line in rest), ""]


def _hide_constructor(app: Sphinx, what: str, name: str, *_: Any) -> tuple[str, None] | None:
    return ("", None) if what == "class" and name.endswith(_MADE_BY_METHODS) else None


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    name = node["reftarget"].rpartition("motor.core.")[2]
    if node.get("refdomain") != "py" or not name.startswith(_AGNOSTIC):
        return None
    module = node.get("py:module")
    if module not in _FAMILIES:
        module = _DEFAULT_FAMILY
    own = name.removeprefix(_AGNOSTIC).replace("BaseCursor", "Cursor")
    target = f"{module}.{_FAMILIES[module]}{own}"
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], target, node, content)
