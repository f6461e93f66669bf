"""Links from names of PyMongo, Python and others to their own documentation, without asking a network for an index."""

from importlib.util import find_spec

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_PYMONGO = "https://pymongo.readthedocs.io/en/stable/api"
_PYTHON = "https://docs.python.org/3/library"
_TORNADO = "https://www.tornadoweb.org/en/stable"
_PYMONGO_PACKAGES = ("bson", "gridfs", "pymongo")
_HOMES = {
    "gridfs.GridIn": "gridfs.grid_file.GridIn",
    "gridfs.GridOut": "gridfs.grid_file.GridOut",
    "pymongo.AsyncMongoClient": "pymongo.asynchronous.mongo_client.AsyncMongoClient",
    "pymongo.MongoClient": "pymongo.mongo_client.MongoClient",
}
"""Where names are documented that can be imported from elsewhere, too."""

_PAGES = {
    "aiohttp.web.UrlDispatcher.add_get": "https://docs.aiohttp.org/en/stable/web_reference",
    "asyncio.StreamReader": f"{_PYTHON}/asyncio-stream",
    "asyncio.StreamWriter": f"{_PYTHON}/asyncio-stream",
    "asyncio.create_task": f"{_PYTHON}/asyncio-task",
    "asyncio.ensure_future": f"{_PYTHON}/asyncio-future",
    "asyncio.gather": f"{_PYTHON}/asyncio-task",
    "asyncio.wait_for": f"{_PYTHON}/asyncio-task",
    "io.UnsupportedOperation": f"{_PYTHON}/io",
    "os.SEEK_CUR": f"{_PYTHON}/os",
    "os.SEEK_END": f"{_PYTHON}/os",
    "tornado.iostream.StreamClosedError": f"{_TORNADO}/iostream",
    "tornado.web.HTTPError": f"{_TORNADO}/web",
    "tornado.web.RequestHandler": f"{_TORNADO}/web",
    "tornado.web.StaticFileHandler": f"{_TORNADO}/web",
}
"""The pages of what isn't PyMongo's."""


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
    if name in _PAGES:
        return f"{_PAGES[name]}.html#{name}"
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
