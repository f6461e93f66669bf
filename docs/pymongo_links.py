"""Links from the names of PyMongo and of Python to their own documentation, without asking a network for an index."""

from importlib.util import find_spec

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_PYMONGO = "https://pymongo.readthedocs.io/en/stable/api"
_PYTHON = "https://docs.python.org/3/library"
_PYMONGO_PACKAGES = ("bson", "gridfs", "pymongo")
_HOMES = {
    "gridfs.GridIn": "gridfs.grid_file.GridIn",
    "gridfs.GridOut": "gridfs.grid_file.GridOut",
    "pymongo.AsyncMongoClient": "pymongo.asynchronous.mongo_client.AsyncMongoClient",
    "pymongo.MongoClient": "pymongo.mongo_client.MongoClient",
}
"""Where names are documented that can be imported from elsewhere, too."""

_PYTHON_PAGES = {
    "asyncio.create_task": "asyncio-task",
    "asyncio.ensure_future": "asyncio-future",
    "asyncio.gather": "asyncio-task",
    "asyncio.wait_for": "asyncio-task",
    "io.UnsupportedOperation": "io",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    if node.get("refdomain") != "py":
        return None
    address = address_of(node["reftarget"])
    return None if address is None else nodes.reference("", "", content, internal=False, refuri=address)


def address_of(name: str) -> str | None:
    """Where a dotted name is documented; ``None`` for what is not PyMongo's or in the table above."""
    if name in _PYTHON_PAGES:
        return f"{_PYTHON}/{_PYTHON_PAGES[name]}.html#{name}"
    name = _HOMES.get(name, name)
    package, *rest = name.split(".")
    if package not in _PYMONGO_PACKAGES:
        return None
    module, page = package, []
    while rest and _is_module(f"{module}.{rest[0]}"):
        page.append(rest.pop(0))
        module = f"{module}.{page[-1]}"
    return f"{_PYMONGO}/{'/'.join([package, *(page or ['index'])])}.html#{name if rest else 'module-' + module}"


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # there are no modules in a module
        return False
