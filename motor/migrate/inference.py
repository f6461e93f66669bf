"""A modest analysis of which expressions in a module are objects of a driver.

It follows imports, assignments, annotations, attributes of ``self``, items and attributes of clients and databases,
what functions return, and what modules share; a name that may stand for two things is taken to be unknown.
"""

from __future__ import annotations

import ast

from motor.migrate import places
from motor.migrate.chain import chain
from motor.migrate.kinds import (
    Class,
    Flavour,
    Function,
    Instance,
    Kind,
    Neutral,
    Path,
    Shared,
    Value,
    Wait,
    is_guess,
    join,
    kind_of_class,
)
from motor.migrate.members import ATTRIBUTES, CHILDREN, COROUTINES, FUTURES, LATENT, RESULTS, Role, has
from motor.migrate.scopes import Collector, Scope

_WRAPPERS = frozenset({"Annotated", "ClassVar", "Final", "Optional", "Required"})
_CASTS = frozenset({"typing.cast", "typing_extensions.cast"})
_LITERALS = (
    ast.Constant, ast.Dict, ast.DictComp, ast.GeneratorExp, ast.JoinedStr, ast.Lambda, ast.List, ast.ListComp, ast.Set,
    ast.SetComp, ast.Tuple,
)  # fmt: skip
_SPEAKING_OF_MONGO = frozenset({"bson", "gridfs", "motor", "pymongo", "tornado"})
"""The packages of which one at least is imported where a name is taken to be a database's."""


class Inference:
    """What the expressions of a module are."""

    def __init__(self, tree: ast.Module, shared: Shared) -> None:
        collector = Collector(tree, self.value_of, self._annotated)
        self.scopes = collector.scopes
        self._shared = shared
        self._guesses = not _SPEAKING_OF_MONGO.isdisjoint(collector.packages)
        self._module = self.scopes[tree]

    def puts(self) -> dict[str, Kind]:
        """What the module puts into the places that applications keep things in, as far as it is known."""
        found = {place: self._module.attribute(place) for place in filter(places.is_shared, [*self._module.attributes])}
        return _sure(found)

    def exports(self) -> dict[str, Kind]:
        """What other modules may import, as far as it is known: names, and with ``()`` what functions return."""
        found = {name: self._module.lookup(name) for name in [*self._module.meanings]}
        returned = {f"{name}()": _returned(value) for name, value in found.items() if isinstance(value, Function)}
        return _sure({**found, **returned})

    def kind_of(self, expression: ast.expr, scope: Scope) -> Kind | None:
        """The driver's object that `expression` is, or None."""
        value = self.value_of(expression, scope)
        return value if isinstance(value, Kind) else None

    def path_of(self, expression: ast.expr, scope: Scope) -> str | None:
        """The full name of something imported, such as ``motor.core.AgnosticClient``; None for anything else."""
        value = self.value_of(expression, scope) if isinstance(expression, (ast.Name, ast.Attribute)) else None
        return value.dotted if isinstance(value, Path) else None

    def value_of(self, expression: ast.expr, scope: Scope) -> Value:
        """All that is known of `expression`, or else what its name says."""
        value = self._value_of(expression, scope)
        if self._guesses and (value is None or isinstance(value, Neutral)):
            name = None if isinstance(expression, ast.Constant) else places.last_name(expression)
            if name is not None and places.is_database(name):
                return Kind(Role.DATABASE, Flavour.PERHAPS)
        return value

    def _value_of(self, expression: ast.expr, scope: Scope) -> Value:
        if isinstance(expression, ast.Name):
            return self._imported(scope.lookup(expression.id))
        if isinstance(expression, ast.Attribute):
            return self._attribute(expression, scope)
        if isinstance(expression, ast.Subscript):
            return _item(self.kind_of(expression.value, scope)) or self._kept(expression)
        if isinstance(expression, ast.Call):
            return self._call(expression, scope)
        if isinstance(expression, (ast.Await, ast.Yield, ast.YieldFrom)):
            return None if expression.value is None else self._awaited(expression.value, scope)
        if isinstance(expression, ast.NamedExpr):
            return self.value_of(expression.value, scope)
        if isinstance(expression, ast.IfExp):
            return self._either([expression.body, expression.orelse], scope)
        if isinstance(expression, ast.BoolOp):
            alternatives = expression.values if isinstance(expression.op, ast.Or) else expression.values[-1:]
            return self._either(alternatives, scope)
        if isinstance(expression, ast.Constant) and expression.value is None:
            return Neutral()
        return None

    def _either(self, alternatives: list[ast.expr], scope: Scope) -> Value:
        """What the alternatives of one expression are, if those agree of which something is known."""
        values = [(self.value_of(one, scope), isinstance(one, _LITERALS)) for one in alternatives]
        known = [value for value, is_literal in values if value is not None or is_literal]
        return join(known) if known else None

    def _imported(self, value: Value) -> Value:
        """What another module has under the name that is imported, or else just that."""
        return self._shared.names.get(value.dotted.lstrip("."), value) if isinstance(value, Path) else value

    def _kept(self, expression: ast.expr) -> Value:
        """What the module, or if it says nothing another one, puts where `expression` gets it from."""
        place = places.place_of(expression)
        if place is None:
            return None
        found = self._module.attribute(place)
        if isinstance(found, Neutral) or place not in self._module.attributes:
            return self._shared.places.get(place)
        return found

    def _attribute(self, expression: ast.Attribute, scope: Scope) -> Value:
        owner = self.value_of(expression.value, scope)
        if isinstance(owner, Kind):
            return _attribute_of(owner, expression.attr)
        if isinstance(owner, Path):
            return self._kept(expression) or self._imported(Path(f"{owner.dotted}.{expression.attr}"))
        found = owner.scope.attribute(expression.attr) if isinstance(owner, (Instance, Class)) else None
        return self._kept(expression) if found is None else found

    def _call(self, call: ast.Call, scope: Scope) -> Value:
        if isinstance(call.func, ast.Attribute):
            owner = self.kind_of(call.func.value, scope)
            if owner is not None:
                return _result_of(owner, call.func.attr)
        function = self.value_of(call.func, scope)
        if isinstance(function, Path):
            if function.dotted in _CASTS and call.args:
                return self._annotated(call.args[0], scope)
            return kind_of_class(function.dotted) or self._shared.names.get(f"{function.dotted.lstrip('.')}()")
        if isinstance(function, Class):
            return Instance(function.scope)
        if isinstance(function, Function):
            return _returned(function)
        return self._kept(call)

    def _awaited(self, expression: ast.expr, scope: Scope) -> Value:
        kind = self.kind_of(expression, scope)
        if kind is None or (kind.role is None and kind.wait is not Wait.NOTHING):
            return None
        return kind._replace(wait=Wait.NOTHING)

    def _annotated(self, annotation: ast.expr, scope: Scope) -> Value:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                return None
        if isinstance(annotation, ast.BinOp):
            return join([self._annotated(annotation.left, scope), self._annotated(annotation.right, scope)])
        if isinstance(annotation, ast.Subscript):
            wrapper = (chain(annotation.value) or "").rpartition(".")[2]
            if wrapper not in _WRAPPERS:
                return self._annotated(annotation.value, scope)
            inner = annotation.slice
            return self._annotated(inner.elts[0] if isinstance(inner, ast.Tuple) else inner, scope)
        if isinstance(annotation, ast.Constant) and annotation.value is None:
            return Neutral()
        value = self.value_of(annotation, scope)
        if isinstance(value, Class):
            return Instance(value.scope)
        return kind_of_class(value.dotted) if isinstance(value, Path) else None


def _sure(values: dict[str, Value]) -> dict[str, Kind]:
    return {name: value for name, value in values.items() if isinstance(value, Kind) and not is_guess(value)}


def _returned(function: Function) -> Value:
    """What a call of `function` gives, before it is awaited."""
    returned = function.returns()
    if not function.is_coroutine:
        return returned
    return returned._replace(wait=Wait.COROUTINE) if isinstance(returned, Kind) else None


def _attribute_of(owner: Kind, name: str) -> Kind | None:
    if owner.role is None or owner.wait is not Wait.NOTHING:
        return None
    if name == "delegate" and owner.flavour is Flavour.MOTOR:
        return owner._replace(flavour=Flavour.DELEGATE) if owner.role in CHILDREN else None
    if (owner.role, name) in ATTRIBUTES:
        return owner._replace(role=ATTRIBUTES[owner.role, name])
    if name.startswith("_") or has(owner.role, name):
        return None
    return _item(owner)


def _item(owner: Kind | None) -> Kind | None:
    if owner is None or owner.role not in CHILDREN or owner.wait is not Wait.NOTHING:
        return None
    return owner._replace(role=CHILDREN[owner.role])


def _result_of(owner: Kind, method: str) -> Kind | None:
    """What is known of the result of `method`, before it is awaited."""
    role = owner.role
    if role is None or owner.wait is not Wait.NOTHING:
        return None
    result: Role | None = RESULTS.get(role, {}).get(method)
    if method in FUTURES.get(role, ()):
        wait = Wait.FUTURE
    elif method in COROUTINES.get(role, ()):
        wait = Wait.COROUTINE
    elif result is None and method not in LATENT.get(role, ()):
        return None
    else:
        wait = Wait.NOTHING
    if not owner.asynchronous:
        wait = Wait.NOTHING
        if result is None:
            return None
    return Kind(result, owner.flavour, wait)
