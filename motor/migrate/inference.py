"""A modest analysis, within one module, of which expressions are objects of a driver.

It follows imports, assignments, annotations, attributes of ``self``, items and attributes of clients and databases, and
what functions return; a name that may stand for two things is taken to be unknown.
"""

from __future__ import annotations

import ast

from motor.migrate.kinds import (
    Class,
    Flavour,
    Function,
    Instance,
    Kind,
    Neutral,
    Path,
    Value,
    Wait,
    chain,
    join,
    kind_of_class,
)
from motor.migrate.members import ATTRIBUTES, CHILDREN, COROUTINES, FUTURES, LATENT, RESULTS, Role, has
from motor.migrate.scopes import Collector, Scope

_WRAPPERS = frozenset({"Annotated", "ClassVar", "Final", "Optional", "Required"})


class Inference:
    """What the expressions of a module are."""

    def __init__(self, tree: ast.Module) -> None:
        self.scopes = Collector(tree, self.value_of, self._annotated).scopes

    def kind_of(self, expression: ast.expr, scope: Scope) -> Kind | None:
        """The driver's object that `expression` is, or None."""
        value = self.value_of(expression, scope)
        return value if isinstance(value, Kind) else None

    def path_of(self, expression: ast.expr, scope: Scope) -> str | None:
        """The full name of something imported, such as ``motor.core.AgnosticClient``; None for anything else."""
        value = self.value_of(expression, scope) if isinstance(expression, (ast.Name, ast.Attribute)) else None
        return value.dotted if isinstance(value, Path) else None

    def value_of(self, expression: ast.expr, scope: Scope) -> Value:
        """All that is known of `expression`."""
        if isinstance(expression, ast.Name):
            return scope.lookup(expression.id)
        if isinstance(expression, ast.Attribute):
            return self._attribute(expression, scope)
        if isinstance(expression, ast.Subscript):
            return _item(self.kind_of(expression.value, scope))
        if isinstance(expression, ast.Call):
            return self._call(expression, scope)
        if isinstance(expression, (ast.Await, ast.Yield, ast.YieldFrom)):
            return None if expression.value is None else self._awaited(expression.value, scope)
        if isinstance(expression, ast.NamedExpr):
            return self.value_of(expression.value, scope)
        if isinstance(expression, ast.IfExp):
            return join([self.value_of(expression.body, scope), self.value_of(expression.orelse, scope)])
        if isinstance(expression, ast.BoolOp):
            return join([self.value_of(value, scope) for value in expression.values])
        if isinstance(expression, ast.Constant) and expression.value is None:
            return Neutral()
        return None

    def _attribute(self, expression: ast.Attribute, scope: Scope) -> Value:
        owner = self.value_of(expression.value, scope)
        if isinstance(owner, Kind):
            return _attribute_of(owner, expression.attr)
        if isinstance(owner, Path):
            return Path(f"{owner.dotted}.{expression.attr}")
        found = owner.scope.attribute(expression.attr) if isinstance(owner, (Instance, Class)) else None
        dotted = chain(expression)
        if found is None and dotted is not None:
            found = scope.module().attribute(dotted)
        return found

    def _call(self, call: ast.Call, scope: Scope) -> Value:
        if isinstance(call.func, ast.Attribute):
            owner = self.kind_of(call.func.value, scope)
            if owner is not None:
                return _result_of(owner, call.func.attr)
        function = self.value_of(call.func, scope)
        if isinstance(function, Path):
            return kind_of_class(function.dotted)
        if isinstance(function, Class):
            return Instance(function.scope)
        if isinstance(function, Function):
            returned = function.returns()
            if not function.is_coroutine:
                return returned
            return returned._replace(wait=Wait.COROUTINE) if isinstance(returned, Kind) else None
        return None

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
