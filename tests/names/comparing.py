"""Where one surface is narrower than another: what works on the other would not work on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .surface import PROTOCOLS, Member, Parameter

_POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
_NAMED = ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")


def names_of(surface: dict[str, Any], module: str) -> Iterator[str]:
    """The dotted names of all that could be missing."""
    for name, described in surface.items():
        yield f"{module}.{name}"
        yield from (f"{name}.{member}" for member in described.get("members", ()))


def narrower_module(theirs: dict[str, Any], ours: dict[str, Any], module: str) -> Iterator[tuple[str, str]]:
    """What of a module's names is missing or narrower: dotted name, and how."""
    for name, described in theirs.items():
        where = f"{module}.{name}"
        if name not in ours:
            yield where, "missing"
        elif described["kind"] == "class":
            yield from narrower_class(described["members"], ours[name]["members"], name)
        else:
            yield from ((where, how) for how in _narrower(described, ours[name]))


def narrower_class(theirs: dict[str, Member], ours: dict[str, Member], name: str) -> Iterator[tuple[str, str]]:
    """What of a class's members is missing or narrower: ``Class.member``, and how."""
    for member, described in theirs.items():
        if member not in ours:
            yield f"{name}.{member}", "missing"
        else:
            yield from ((f"{name}.{member}", how) for how in _narrower(described, ours[member], member in PROTOCOLS))


def _narrower(theirs: Member, ours: Member, called_by_python: bool = False) -> Iterator[str]:
    if theirs["kind"] == "value":
        return
    if (theirs["kind"] == "method") != (ours["kind"] == "method"):
        yield f"a {theirs['kind']} there, a {ours['kind']} here"
    elif called_by_python:
        if not any(kind == "VAR_POSITIONAL" for _, kind, _ in ours["parameters"]) and len(theirs["parameters"]) != len(
            ours["parameters"]
        ):
            yield f"{len(ours['parameters'])} parameters, not {len(theirs['parameters'])}"
    elif theirs["kind"] == "method":
        yield from _narrower_call(theirs["parameters"], ours["parameters"])


def _narrower_call(theirs: list[Parameter], ours: list[Parameter]) -> Iterator[str]:
    by_name = {name: (kind, default) for name, kind, default in ours}
    kinds = [kind for _, kind, _ in ours]
    takes_any = "VAR_POSITIONAL" in kinds and "VAR_KEYWORD" in kinds
    order = [name for name, kind, _ in ours if kind in _POSITIONAL]
    for position, (name, kind, default) in enumerate(theirs):
        if kind.startswith("VAR_"):
            if kind not in kinds:
                yield f"no {'*' if kind == 'VAR_POSITIONAL' else '**'}{name}"
        elif kind == "POSITIONAL_ONLY":
            if len(order) <= position and not takes_any:
                yield f"no parameter {position}"
        elif name not in by_name:
            if not takes_any:
                yield f"no parameter {name}"
        elif by_name[name][0] not in _NAMED:
            yield f"{name} cannot be named"
        elif kind in _POSITIONAL and order[position : position + 1] != [name]:
            yield f"{name} is not parameter {position}"
        elif default and by_name[name][1] != default:
            yield f"{name}={by_name[name][1] or '(none)'}, not {default or '(none)'}"
    known = {name for name, _, _ in theirs}
    for name, kind, default in ours:
        if name not in known and not default and not kind.startswith("VAR_") and not takes_any:
            yield f"{name} is required"
