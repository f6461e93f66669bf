"""Which files are read, and how."""

from __future__ import annotations

import ast
import os
import re
import tokenize
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from motor.migrate.checker import check_tree
from motor.migrate.findings import Finding
from motor.migrate.inference import Inference
from motor.migrate.kinds import NOTHING_SHARED, Kind, Shared

_DRIVERS = re.compile(r"\b(gridfs|motor|pymongo)\b")
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
_UNREADABLE = (SyntaxError, OSError, ValueError, RecursionError, MemoryError)


def check_paths(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Finding]:
    """What is found in the files, and in the ``.py`` files of the folders and their subfolders, of `paths`.

    Folders whose name starts with a dot, virtual environments and caches are skipped; symbolic links to folders are not
    followed; a file is checked once, by however many names it is met. What one file makes and another one imports, or
    gets from the application's settings or attributes, is known there. Raises FileNotFoundError, before it reads
    anything, for a path that is not there.

    .. versionadded:: 4.0
    """
    roots = [Path(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"no such file or folder: {root}")
    return _check(roots)


def _check(roots: Sequence[Path]) -> Iterator[Finding]:
    files: dict[Path, Path] = {}
    for root in roots:
        for file in _files(root):
            files.setdefault(file.resolve(), file)
    shared = _shared_by(files.values())
    for file in files.values():
        yield from _check_file(file, shared)


def _shared_by(files: Iterable[Path]) -> Shared:
    """What the files share, where they agree."""
    places: defaultdict[str, set[Kind]] = defaultdict(set)
    names: defaultdict[str, set[Kind]] = defaultdict(set)
    for file in files:
        with suppress(*_UNREADABLE):
            source = _source(file)
            if not _DRIVERS.search(source):
                continue
            inference = Inference(_parse(source), NOTHING_SHARED)
            for place, kind in inference.puts().items():
                places[place].add(kind)
            for name, kind in inference.exports().items():
                for module in _modules(file):
                    names[f"{module}.{name}"].add(kind)
    return Shared(_agreed(places), _agreed(names))


def _agreed(found: dict[str, set[Kind]]) -> dict[str, Kind]:
    return {name: kinds.pop() for name, kinds in found.items() if len(kinds) == 1}


def _modules(file: Path) -> list[str]:
    """The names by which `file` may be imported, whichever folder the import begins at."""
    parts = file.resolve().with_suffix("").parts[1:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return [".".join(parts[start:]) for start in range(len(parts))]


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(folder, name)))
        for name in sorted(files):
            file = Path(folder, name)
            if file.suffix == ".py" and file.is_file():
                yield file


def _is_skipped(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in _SKIPPED or (folder / "pyvenv.cfg").exists()


def _check_file(file: Path, shared: Shared) -> list[Finding]:
    try:
        source = _source(file)
        return check_tree(_parse(source), source, str(file), shared)
    except SyntaxError as error:
        return [_unread(file, error.msg, error.lineno or 1, error.offset or 1)]
    except _UNREADABLE as error:
        return [_unread(file, str(error) or type(error).__name__)]


def _source(file: Path) -> str:
    with tokenize.open(file) as opened:
        return opened.read()


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        # Those about the sources' own literals are none of this command's business.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _unread(file: Path, reason: str, line: int = 1, column: int = 1) -> Finding:
    remedy = "see to it that this interpreter can compile the file, then run the command again"
    return Finding(str(file), line, max(column, 1), "M001", f"not checked: {' '.join(reason.split())}", remedy)
