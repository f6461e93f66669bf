"""Dotted names: ``a.b.c``."""

from __future__ import annotations

import ast


def chain(expression: ast.expr) -> str | None:
    """``a.b.c`` for an expression that is just that."""
    names: list[str] = []
    while isinstance(expression, ast.Attribute):
        names.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return ".".join([expression.id, *reversed(names)])
