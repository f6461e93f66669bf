"""What an expression is to the driver: the values that names stand for, and the classes that make them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from motor.migrate.members import CLASS_SUFFIXES, Role

if TYPE_CHECKING:
    from motor.migrate.scopes import Scope


class Flavour(enum.Enum):
    """Whose object it is."""

    MOTOR = "Motor"
    ASYNC = "PyMongo Async"
    SYNC = "PyMongo"
    DELEGATE = "delegate"
    PERHAPS = "by its name perhaps Motor's"


class Wait(enum.Enum):
    """What has to be done for the object itself."""

    NOTHING = "it is there"
    FUTURE = "await it, or don't: no coroutine"
    COROUTINE = "await it: a coroutine"


class Kind(NamedTuple):
    """An object of a driver, or what becomes one when it is awaited; `role` is None for a plain result."""

    role: Role | None
    flavour: Flavour
    wait: Wait = Wait.NOTHING

    @property
    def asynchronous(self) -> bool:
        """Whether it is Motor's, or will be once the module uses Motor."""
        return self.flavour in (Flavour.MOTOR, Flavour.ASYNC)


class Shared(NamedTuple):
    """What other modules of the code base have: in the places that applications keep things in, and to be imported.

    A function that is imported stands under its name with ``()``, for what it returns.
    """

    places: Mapping[str, Kind]
    names: Mapping[str, Kind]


NOTHING_SHARED = Shared({}, {})


class Path(NamedTuple):
    """Something imported, by its full name."""

    dotted: str


class Instance(NamedTuple):
    """An object of a class of the module's own."""

    scope: Scope


class Class(NamedTuple):
    """A class of the module's own."""

    scope: Scope


class Function(NamedTuple):
    """A function of the module's own."""

    scope: Scope
    returns: Callable[[], Value]
    is_coroutine: bool
    is_property: bool


class Neutral(NamedTuple):
    """None, and what is being worked out already: it says nothing about what else a name may stand for."""


Value = Kind | Path | Instance | Class | Function | Neutral | None
"""What is known of an expression; None if nothing is."""

_MOTOR_PREFIXES = ("AsyncIOMotor", "Motor", "Agnostic")
_SYNC_CLASSES = {"MongoClient": Role.CLIENT, **{name: CLASS_SUFFIXES[name] for name in ("Database", "Collection")}}


def join(values: list[Value]) -> Value:
    """What all of `values` are, if they agree; a guess counts where nothing else does."""
    known = {value for value in values if not isinstance(value, Neutral)}
    known = {value for value in known if not is_guess(value)} or known
    if len(known) == 1:
        return known.pop()
    return None if known else Neutral()


def is_guess(value: Value) -> bool:
    """Whether only a name speaks for it."""
    return isinstance(value, Kind) and value.flavour is Flavour.PERHAPS


def element_of(value: Value) -> Kind | None:
    """What ``async for`` gets from `value`: files from a cursor of files, and plain documents from any other."""
    if isinstance(value, Kind) and value.role is Role.GRID_CURSOR:
        return value._replace(role=Role.GRID_OUT)
    return None


def kind_of_class(path: str) -> Kind | None:
    """What an object of the class with the full name `path` is."""
    package, _, name = path.partition(".")
    name = name.rpartition(".")[2]
    if package == "motor":
        for prefix in _MOTOR_PREFIXES:
            if name.startswith(prefix):
                role = CLASS_SUFFIXES.get(name.removeprefix(prefix))
                return None if role is None else Kind(role, Flavour.MOTOR)
    elif package in ("pymongo", "gridfs"):
        if name.startswith("Async"):
            role = CLASS_SUFFIXES.get(name.removeprefix("Async").removeprefix("Mongo"))
            return None if role is None else Kind(role, Flavour.ASYNC)
        if name in _SYNC_CLASSES:
            return Kind(_SYNC_CLASSES[name], Flavour.SYNC)
    return None
