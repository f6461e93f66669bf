"""The scopes of a module, and what each name in them may stand for."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

from motor.migrate import places
from motor.migrate.chain import chain
from motor.migrate.kinds import Class, Function, Instance, Neutral, Path, Value, element_of, join

Meaning = Callable[[], Value]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Scope:
    """A module, class, function or comprehension: what its names, and an instance's attributes, may stand for."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.meanings: defaultdict[str, list[Meaning]] = defaultdict(list)
        self.attributes: defaultdict[str, list[Meaning]] = defaultdict(list)
        self.elsewhere: dict[str, Scope] = {}
        self.instances: dict[str, Scope] = {}
        self._known: dict[tuple[str, bool], Value] = {}

    @property
    def is_class(self) -> bool:
        """Whether its names are hidden from the functions in it."""
        return isinstance(self.node, ast.ClassDef)

    def module(self) -> Scope:
        """The outermost scope."""
        return self if self.parent is None else self.parent.module()

    def is_coroutine(self) -> bool:
        """Whether what is called here is called while an event loop runs."""
        if isinstance(self.node, (*_COMPREHENSIONS, ast.ClassDef)) and self.parent is not None:
            return self.parent.is_coroutine()
        if isinstance(self.node, ast.FunctionDef):
            decorators = [chain(decorator) or "" for decorator in self.node.decorator_list]
            return any(decorator.rpartition(".")[2] in _COROUTINE_DECORATORS for decorator in decorators)
        return isinstance(self.node, ast.AsyncFunctionDef)

    def owner_of(self, name: str) -> Scope | None:
        """The class that `name` is an instance of here, as a method's ``self`` is."""
        scope: Scope | None = self
        while scope is not None and name not in scope.meanings:
            scope = scope.parent
        return None if scope is None else scope.instances.get(name)

    def lookup(self, name: str) -> Value:
        """What `name` stands for here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.elsewhere:
                scope = scope.elsewhere[name]
            if name in scope.meanings and (scope is self or not scope.is_class):
                return scope._resolve(name, scope.meanings[name], False)
            scope = scope.parent
        return None

    def attribute(self, name: str) -> Value:
        """What the attribute `name` of an instance of this class stands for."""
        meanings = self.attributes.get(name, []) + self.meanings.get(name, [])
        if meanings:
            value = self._resolve(name, meanings, True)
            if isinstance(value, Function) and value.is_property:
                return value.returns()
            return value
        if isinstance(self.node, ast.ClassDef) and self.parent is not None:
            for base in self.node.bases:
                value = self.parent.lookup(base.id) if isinstance(base, ast.Name) else None
                if isinstance(value, Class) and value.scope is not self:
                    return value.scope.attribute(name)
        return None

    def _resolve(self, name: str, meanings: list[Meaning], of_instance: bool) -> Value:
        key = (name, of_instance)
        if key not in self._known:
            self._known[key] = Neutral()
            self._known[key] = join([meaning() for meaning in meanings])
        return self._known[key]


_COROUTINE_DECORATORS = frozenset({"coroutine", "engine", "gen_test"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _unknown() -> Value:
    return None


def _neutral() -> Value:
    return Neutral()


def _always(value: Value) -> Meaning:
    return lambda: value


def _is_application(scope: Scope) -> bool:
    """Whether it is a class of an application's."""
    if not isinstance(scope.node, ast.ClassDef):
        return False
    names = (scope.node.name, *(places.last_name(base) or "" for base in scope.node.bases))
    return any(map(places.is_application, names))


class Collector(ast.NodeVisitor):
    """Makes the scopes of a module, by their nodes, and collects what is bound in each."""

    def __init__(
        self,
        tree: ast.Module,
        value_of: Callable[[ast.expr, Scope], Value],
        annotated: Callable[[ast.expr, Scope], Value],
    ) -> None:
        """`value_of` says what an expression is in a scope, `annotated` what an annotation says that something is."""
        self._value_of = value_of
        self._annotated = annotated
        self._scope = Scope(tree, None)
        self.scopes: dict[ast.AST, Scope] = {tree: self._scope}
        self.packages: set[str] = set()
        self._returns: dict[Scope, list[Meaning]] = defaultdict(list)
        self.generic_visit(tree)

    def _within(self, node: ast.AST, *parts: ast.AST) -> Scope:
        outer = self._scope
        self._scope = self.scopes[node] = Scope(node, outer)
        for part in parts:
            self.visit(part)
        inner, self._scope = self._scope, outer
        return inner

    def _bind(self, target: ast.expr, meaning: Meaning) -> None:
        if isinstance(target, ast.Name):
            self._scope.meanings[target.id].append(meaning)
        elif isinstance(target, ast.Attribute):
            self._bind_attribute(target, meaning)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, _unknown)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for element in target.elts:
                self._bind(element, _unknown)
        elif isinstance(target, ast.Subscript) and (place := places.place_of(target)) is not None:
            self._scope.module().attributes[place].append(meaning)

    def _bind_attribute(self, target: ast.Attribute, meaning: Meaning) -> None:
        owner = self._scope.owner_of(target.value.id) if isinstance(target.value, ast.Name) else None
        if owner is not None:
            owner.attributes[target.attr].append(meaning)
            if _is_application(owner):
                self._scope.module().attributes[f"app.{target.attr}"].append(meaning)
        elif (place := places.place_of(target)) is not None:
            self._scope.module().attributes[place].append(meaning)

    def _bind_value(self, target: ast.expr, value: ast.expr) -> None:
        pairs = (ast.Tuple, ast.List)
        if isinstance(target, pairs) and isinstance(value, pairs) and len(target.elts) == len(value.elts):
            for one_target, one_value in zip(target.elts, value.elts, strict=True):
                self._bind_value(one_target, one_value)
            return
        scope = self._scope
        self._bind(target, lambda: self._value_of(value, scope))
        self._keep(places.kept(target, value))

    def _keep(self, kept: Iterable[tuple[str, ast.expr]]) -> None:
        scope = self._scope
        for place, value in kept:
            scope.module().attributes[place].append(partial(self._value_of, value, scope))

    def visit_Call(self, node: ast.Call) -> None:
        """An application keeps the arguments that it is made with, as its settings."""
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "__init__":
            scope = self._scope.parent
            makes_application = scope is not None and _is_application(scope)
        else:
            makes_application = places.is_application(places.last_name(function) or "")
        if makes_application:
            self._keep(places.settings(node))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """``import a.b`` binds ``a``."""
        for alias in node.names:
            package, _, _ = alias.name.partition(".")
            self.packages.add(package)
            path = Path(alias.name if alias.asname else package)
            self._scope.meanings[alias.asname or path.dotted].append(_always(path))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from a import b``; a relative import is of what this module cannot know."""
        if node.module is not None and not node.level:
            self.packages.add(node.module.partition(".")[0])
        for alias in node.names:
            path = Path(f"{'.' * node.level}{node.module or ''}.{alias.name}")
            self._scope.meanings[alias.asname or alias.name].append(_always(path))

    def visit_Assign(self, node: ast.Assign) -> None:
        """``target = value``."""
        for target in node.targets:
            self._bind_value(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """``target: annotation``, which counts, if it says anything, more than the value does."""
        scope, annotation, value = self._scope, node.annotation, node.value

        def meaning() -> Value:
            found = self._annotated(annotation, scope)
            return self._value_of(value, scope) if found is None and value is not None else found

        self._bind(node.target, meaning)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """``target += value``."""
        self._bind(node.target, _unknown)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """``(target := value)``."""
        self._bind_value(node.target, node.value)
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        """``with context as target``: what the driver's objects give is themselves."""
        if node.optional_vars is not None:
            self._bind_value(node.optional_vars, node.context_expr)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        """``for target in iterable``."""
        self._bind(node.target, _unknown)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        """``async for target in iterable``."""
        scope = self._scope
        self._bind(node.target, lambda: element_of(self._value_of(node.iter, scope)))
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """``except error as name``."""
        if node.name is not None:
            self._scope.meanings[node.name].append(_unknown)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        """``case pattern as name``."""
        if node.name is not None:
            self._scope.meanings[node.name].append(_unknown)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_Global(self, node: ast.Global) -> None:
        """``global name``."""
        module = self._scope.module()
        for name in node.names:
            self._scope.elsewhere[name] = module
            self._scope.meanings[name] = module.meanings[name]

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """``nonlocal name``."""
        for name in node.names:
            scope = self._scope.parent
            while scope is not None and (scope.is_class or name not in scope.meanings):
                scope = scope.parent
            if scope is not None:
                self._scope.elsewhere[name] = scope
                self._scope.meanings[name] = scope.meanings[name]

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """A class."""
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        inner = self._within(node, *node.body)
        self._scope.meanings[node.name].append(lambda: Class(inner))

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        """A function: its parameters are what their annotations say."""
        outer = self._scope
        for part in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.visit(part)
        scope = Scope(node, outer)
        self.scopes[node] = self._scope = scope
        self._bind_parameters(node.args, outer)
        decorators = {(chain(decorator) or "").rpartition(".")[2] for decorator in node.decorator_list}
        if outer.is_class and "staticmethod" not in decorators:
            first = [*node.args.posonlyargs, *node.args.args][:1]
            for parameter in first:
                scope.meanings[parameter.arg] = [_always(Instance(outer))]
                scope.instances[parameter.arg] = outer
        for statement in node.body:
            self.visit(statement)
        self._scope = outer
        function = Function(
            scope,
            lambda: self._returned(node, scope, outer),
            isinstance(node, ast.AsyncFunctionDef),
            bool(decorators & {"property", "cached_property"}),
        )
        outer.meanings[node.name].append(lambda: function)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _returned(self, node: FunctionNode, scope: Scope, outer: Scope) -> Value:
        if node.returns is not None:
            return self._annotated(node.returns, outer)
        meanings, self._returns[scope] = self._returns[scope], []  # a recursive call says nothing new
        found = join([meaning() for meaning in meanings])
        self._returns[scope] = meanings
        return found

    def visit_Return(self, node: ast.Return) -> None:
        """``return value``."""
        scope, value = self._scope, node.value
        if value is not None:
            self._returns[scope].append(lambda: self._value_of(value, scope))
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A lambda."""
        outer = self._scope
        self.scopes[node] = self._scope = Scope(node, outer)
        self._bind_parameters(node.args, outer)
        self.visit(node.body)
        self._scope = outer

    def _bind_parameters(self, arguments: ast.arguments, outer: Scope) -> None:
        for parameter in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            annotation = parameter.annotation
            meaning = _neutral if annotation is None else partial(self._annotated, annotation, outer)
            self._scope.meanings[parameter.arg].append(meaning)
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                self._scope.meanings[rest.arg].append(_unknown)

    def _visit_comprehension(self, node: Comprehension) -> None:
        outer = self._scope
        self.scopes[node] = self._scope = Scope(node, outer)
        for generator in node.generators:
            self._bind(generator.target, _unknown)
        self.generic_visit(node)
        self._scope = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension
