"""Goes through a module and notes what would behave differently on Motor 4."""

from __future__ import annotations

import ast

from motor.migrate import imports, removed
from motor.migrate.findings import Finding
from motor.migrate.inference import Inference
from motor.migrate.kinds import NOTHING_SHARED, Flavour, Kind, Shared, Wait, kind_of_class
from motor.migrate.members import FUTURES, LATENT, Role
from motor.migrate.scopes import Comprehension, FunctionNode, Scope

_GONE = {
    Role.COLLECTION: "M101",
    Role.DATABASE: "M102",
    Role.CLIENT: "M103",
    Role.CURSOR: "M104",
    Role.GRID_CURSOR: "M104",
}
_WAITED = frozenset({"address", "is_mongos", "is_primary"})
_TASK_MAKERS = frozenset({"asyncio.Task", "asyncio.create_task"})
_COROUTINE_TAKERS = frozenset({"asyncio.run", "asyncio.run_coroutine_threadsafe"})
_COROUTINE_TESTS = frozenset(
    f"{module}.{function}" for module in ("asyncio", "inspect") for function in ("iscoroutine", "iscoroutinefunction")
)
_AWAITING = frozenset({"asyncio.ensure_future", "asyncio.gather", "asyncio.shield", "asyncio.wait_for"})
_CALLBACK_TAKERS = frozenset({"each", "with_transaction"})
_BOUNDS = frozenset({"max", "min"})
_BOUND_TAKERS = frozenset({"find", "find_one", "find_raw_batches"})
_ITERATORS = frozenset({"list", "next", "set", "sorted", "tuple"})


def check_source(source: str, path: str = "<string>") -> list[Finding]:
    """What is found in the Python text `source`; `path` is for the findings. Raises SyntaxError if it is no Python.

    .. versionadded:: 4.0
    """
    return check_tree(ast.parse(source), source, path, NOTHING_SHARED)


def check_tree(tree: ast.Module, source: str, path: str, shared: Shared) -> list[Finding]:
    """What is found in `tree`, which was parsed from `source`, in the order of the text."""
    checker = _Checker(tree, source, path, shared)
    checker.visit(tree)
    return sorted(set(checker.findings))


class _Checker(ast.NodeVisitor):
    def __init__(self, tree: ast.Module, source: str, path: str, shared: Shared) -> None:
        self.findings: list[Finding] = []
        self._path = path
        self._lines = source.split("\n")
        self._inference = Inference(tree, shared)
        self._scope = self._inference.scopes[tree]
        self._awaited: set[ast.expr] = set()

    def _note(self, code: str, line: int, offset: int, message: str, remedy: str) -> None:
        column = len(self._lines[line - 1].encode()[:offset].decode(errors="replace")) + 1
        self.findings.append(Finding(self._path, line, column, code, message, remedy))

    def _note_at(self, node: ast.expr | ast.keyword | ast.alias, code: str, message: str, remedy: str) -> None:
        self._note(code, node.lineno, node.col_offset, message, remedy)

    def _note_name(self, node: ast.Attribute, code: str, message: str, remedy: str) -> None:
        """At the attribute's own name, which may be some lines below the expression's beginning."""
        line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        self._note(code, line, end - len(node.attr.encode()), message, remedy)

    def _kind(self, expression: ast.expr) -> Kind | None:
        return self._inference.kind_of(expression, self._scope)

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        """What decorates a function, its defaults and annotations belong to the scope around it."""
        for part in (*node.decorator_list, node.args, node.returns):
            if part is not None:
                self.visit(part)
        self._within(node, *node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._within(node, *node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._within(node, node.body)

    def _visit_comprehension(self, node: Comprehension) -> None:
        self._within(node, *ast.iter_child_nodes(node))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def _within(self, node: ast.AST, *parts: ast.AST) -> None:
        outer: Scope = self._scope
        self._scope = self._inference.scopes[node]
        for part in parts:
            self.visit(part)
        self._scope = outer

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            difference = imports.module_difference(alias.name)
            if difference is not None:
                self._note_at(alias, *difference)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        difference = imports.module_difference(node.module)
        for alias in node.names:
            found = difference or imports.name_difference(f"{node.module}.{alias.name}")
            if found is not None:
                self._note_at(alias, *found)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value == "MOTOR_MAX_WORKERS":
            remedy = "leave it out; the client's maxPoolSize limits how many operations run at once"
            self._note_at(node, "M303", "MOTOR_MAX_WORKERS has no effect: there is no pool of threads", remedy)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            path = self._inference.path_of(node, self._scope)
            difference = None if path is None else imports.name_difference(path)
            owner = self._kind(node.value)
            if difference is not None:
                self._note_name(node, *difference)
            elif owner is not None and owner.role is not None and owner.wait is Wait.NOTHING:
                self._check_attribute(node, owner, owner.role)
        self.generic_visit(node)

    def _check_attribute(self, node: ast.Attribute, owner: Kind, role: Role) -> None:
        remedy = removed.PROPERTIES.get(role, {}).get(node.attr)
        if not owner.asynchronous:
            return
        if remedy is not None:
            self._note_name(node, _GONE[role], f"{role.value}.{node.attr} is gone", remedy)
        elif owner.flavour is not Flavour.MOTOR:
            return
        elif node.attr == "delegate":
            self._check_delegate(node, role)
        elif role is Role.CLIENT and node.attr in _WAITED and node not in self._awaited:
            message = f"client.{node.attr} does not wait for a server any more"
            self._note_name(node, "M305", message, f"await it: await client.{node.attr}")

    def _check_delegate(self, node: ast.Attribute, role: Role) -> None:
        if role in (Role.CLIENT, Role.DATABASE, Role.COLLECTION):
            message = f"the delegate of a {role.value} is a synchronous client's, with connections of its own"
            self._note_name(node, "M301", message, f"use the Motor {role.value} itself where you can; else in a thread")
        else:
            message = f"a {role.value} has no delegate any more"
            self._note_name(node, "M304", message, "use the object's own methods")

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            owner = self._kind(node.func.value)
            if owner is None or owner.flavour is Flavour.PERHAPS:
                self._check_guess(node, node.func, None if owner is None else owner.role)
            elif owner.role is not None and owner.wait is Wait.NOTHING:
                self._check_method(node, node.func, owner, owner.role)
        path = self._inference.path_of(node.func, self._scope)
        if path is not None:
            self._check_constructor(node, path)
        self._check_coroutine_use(node, path)
        if isinstance(node.func, ast.Name) and node.func.id in _ITERATORS and node.args:
            self._check_iteration(node.args[0])
        if isinstance(node.func, ast.Name) and node.func.id == "bool" and len(node.args) == 1:
            self._check_truth(node.args[0])
        self.generic_visit(node)

    def _check_guess(self, call: ast.Call, function: ast.Attribute, role: Role | None) -> None:
        """`role` is what the names around it say that the object is, if they say anything."""
        method = function.attr
        gone = removed.UNMISTAKABLE.get(method)
        if gone is not None and self._inference.path_of(function, self._scope) is not None:
            return
        callbacks = [keyword for keyword in call.keywords if keyword.arg == "callback"]
        if gone is None and role in removed.LIKELY and (call in self._awaited or callbacks):
            least = removed.LIKELY[role].get(method)
            gone = role if least is not None and len(call.args) >= least else None
        if gone is not None:
            message = f"perhaps a {gone.value}'s {method}, which is gone"
            self._note_name(function, _GONE[gone], message, removed.METHODS[gone][method])
        if role in removed.LIKELY and (gone is not None or method in FUTURES[role]):
            for keyword in callbacks:
                self._note_callback(keyword, f"perhaps a {role.value}'s {method}, which")

    def _check_method(self, call: ast.Call, function: ast.Attribute, owner: Kind, role: Role) -> None:
        method = function.attr
        if owner.flavour is Flavour.DELEGATE:
            if method in FUTURES.get(role, ()) or method in LATENT.get(role, ()):
                self._check_blocking(function, f"{method} on the delegate of a {role.value}")
            return
        if not owner.asynchronous:
            return
        remedy = removed.METHODS.get(role, {}).get(method)
        if remedy is not None:
            self._note_name(function, _GONE[role], f"{role.value}.{method} is gone", remedy)
        arguments = removed.ARGUMENTS.get((role, method), {})
        for keyword in call.keywords:
            if keyword.arg == "callback" and method not in _CALLBACK_TAKERS:
                self._note_callback(keyword, f"{role.value}.{method}")
            elif keyword.arg in arguments:
                message = f"{role.value}.{method} has no argument {keyword.arg}"
                self._note_at(keyword, "M107", message, arguments[keyword.arg])
        self._check_bounds(call, function, role)
        if method == "to_list" and len(call.args) == 2:
            self._note_callback(call.args[1], f"{role.value}.to_list")
        if method == "get_keys" and owner.flavour is Flavour.ASYNC and call not in self._awaited:
            message = "get_keys returns a Future of a cursor, not a cursor"
            self._note_name(function, "M504", message, "await it: await client_encryption.get_keys()")

    def _check_bounds(self, call: ast.Call, function: ast.Attribute, role: Role) -> None:
        remedy = "add the hint: the index whose bounds they are"
        if role is Role.CURSOR and function.attr in _BOUNDS and not self._is_hinted():
            self._note_name(function, "M110", f"cursor.{function.attr} needs a hint", remedy)
        elif role is Role.COLLECTION and function.attr in _BOUND_TAKERS:
            for keyword in call.keywords:
                if keyword.arg in _BOUNDS and not self._is_hinted():
                    message = f"collection.{function.attr} with {keyword.arg} needs a hint"
                    self._note_at(keyword, "M110", message, remedy)

    def _is_hinted(self) -> bool:
        """Whether there is a hint, or there are arguments that may have one, somewhere in the function around."""
        scope = self._scope
        while scope.parent is not None and not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = scope.parent
        return any(
            (isinstance(node, ast.Attribute) and node.attr == "hint")
            or (isinstance(node, ast.keyword) and node.arg in ("hint", None))
            for node in ast.walk(scope.node)
        )

    def _note_callback(self, node: ast.expr | ast.keyword, method: str) -> None:
        self._note_at(
            node, "M105", f"{method} takes no callback", "await what it returns, or use its add_done_callback"
        )

    def _check_constructor(self, call: ast.Call, path: str) -> None:
        made = kind_of_class(path)
        if made is None or not made.asynchronous:
            return
        for keyword in call.keywords:
            if made.role is Role.BUCKET and keyword.arg in removed.BUCKET_ARGUMENTS:
                message = f"a GridFS bucket has no argument {keyword.arg}"
                self._note_at(keyword, "M107", message, removed.BUCKET_ARGUMENTS[keyword.arg])
            elif made.role is Role.CLIENT and keyword.arg in removed.CLIENT_OPTIONS:
                message = f"a client has no option {keyword.arg}"
                self._note_at(keyword, "M108", message, removed.CLIENT_OPTIONS[keyword.arg])
            elif made.role is Role.CLIENT and keyword.arg == "io_loop" and not _is_none(keyword.value):
                message = "io_loop counts only while no loop runs"
                remedy = "leave it out: an operation belongs to the loop that runs when it is called"
                self._note_at(keyword, "M306", message, remedy)

    def _check_coroutine_use(self, call: ast.Call, path: str | None) -> None:
        given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "coro")]
        argument = given[0] if given else None
        if argument is None:
            return
        if path in _COROUTINE_TESTS:
            self._check_test(argument, path)
        elif path in _COROUTINE_TAKERS and self._is_future(argument):
            message = f"{path} takes a coroutine; an operation is a Future, and has been started here"
            self._note_at(argument, "M202", message, "pass a coroutine of your own, which awaits the operation")
        elif _makes_task(call.func, path) and self._is_future(argument):
            message = "create_task takes a coroutine; an operation is a Future, and has been started already"
            remedy = "use asyncio.ensure_future, or a coroutine of your own that awaits it"
            self._note_at(argument, "M201", message, remedy)

    def _check_test(self, argument: ast.expr, path: str) -> None:
        if self._is_future(argument) or (isinstance(argument, ast.Attribute) and self._is_operation(argument)):
            message = f"{path} is false for an operation, which is a Future"
            self._note_at(argument, "M203", message, "ask inspect.isawaitable about the result")

    def _is_future(self, expression: ast.expr) -> bool:
        """Whether it may be awaited, and is the driver's, but is no coroutine."""
        function = expression.func if isinstance(expression, ast.Call) else None
        if isinstance(function, ast.Attribute) and self._is_operation(function):
            return True
        kind = self._kind(expression)
        return kind is not None and kind.asynchronous and kind.wait is Wait.FUTURE

    def _is_operation(self, method: ast.Attribute) -> bool:
        owner = self._kind(method.value)
        if owner is None or owner.role is None or owner.wait is not Wait.NOTHING or not owner.asynchronous:
            return False
        return method.attr in FUTURES.get(owner.role, ()) or method.attr in LATENT.get(owner.role, ())

    def visit_Await(self, node: ast.Await) -> None:
        self._awaited.add(node.value)
        if isinstance(node.value, ast.Call) and self._inference.path_of(node.value.func, self._scope) in _AWAITING:
            self._awaited.update(node.value.args)
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        """A coroutine of Tornado's may yield a list, to await all of it."""
        if node.value is not None and self._scope.is_coroutine():
            self._awaited.update(node.value.elts if isinstance(node.value, ast.List) else [node.value])
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._check_iteration(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if not node.is_async:
            self._check_iteration(node.iter)
        for condition in node.ifs:
            self._check_truth(condition)
        self.generic_visit(node)

    def _check_iteration(self, iterable: ast.expr) -> None:
        kind = self._kind(iterable)
        if kind is not None and kind.flavour is Flavour.DELEGATE and kind.role in (Role.CURSOR, Role.COMMAND_CURSOR):
            self._check_blocking(iterable, "to read a cursor of a delegate")

    def _check_blocking(self, node: ast.expr, what: str) -> None:
        if self._scope.is_coroutine():
            remedy = "use the Motor object itself, or call it in a thread: await asyncio.to_thread(...)"
            if isinstance(node, ast.Attribute):
                self._note_name(node, "M302", f"{what} blocks the event loop", remedy)
            else:
                self._note_at(node, "M302", f"{what} blocks the event loop", remedy)

    def _visit_condition(self, node: ast.If | ast.While | ast.IfExp | ast.Assert) -> None:
        self._check_truth(node.test)
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = visit_Assert = _visit_condition

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._check_truth(node.operand)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for value in node.values[:-1]:
            self._check_truth(value)
        self.generic_visit(node)

    def _check_truth(self, expression: ast.expr) -> None:
        if isinstance(expression, ast.BoolOp):
            expression = expression.values[-1]  # visit_BoolOp sees to the others
        kind = self._kind(expression)
        if kind is None or not kind.asynchronous or kind.wait is not Wait.NOTHING:
            return
        if kind.role in (Role.DATABASE, Role.COLLECTION):
            message = f"a {kind.role.value} has no truth value: NotImplementedError"
            self._note_at(expression, "M109", message, f"compare it: {kind.role.value} is not None")


def _makes_task(function: ast.expr, path: str | None) -> bool:
    """Whether it is asyncio's function or class, or a loop's or group's method of the name."""
    if path is not None:
        return path in _TASK_MAKERS
    return isinstance(function, ast.Attribute) and function.attr == "create_task"


def _is_none(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is None
