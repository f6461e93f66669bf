"""Which files are read, and how."""

from __future__ import annotations

import ast
import os
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from motor.migrate.checker import check_tree
from motor.migrate.findings import Finding

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def check_paths(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Finding]:
    """What is found in the files, and in the ``.py`` files of the folders and their subfolders, of `paths`.

    Folders whose name starts with a dot, virtual environments and caches are skipped; symbolic links to folders are not
    followed; a file is read once, by however many names it is met. Raises FileNotFoundError, before it reads anything,
    for a path that is not there.

    .. versionadded:: 4.0
    """
    roots = [Path(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"no such file or folder: {root}")
    return _check(roots)


def _check(roots: Sequence[Path]) -> Iterator[Finding]:
    read: set[Path] = set()
    for root in roots:
        for file in _files(root):
            real = file.resolve()
            if real not in read:
                read.add(real)
                yield from _check_file(file)


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


def _check_file(file: Path) -> list[Finding]:
    try:
        with tokenize.open(file) as opened:
            source = opened.read()
        with warnings.catch_warnings():
            # Those about the sources' own literals are none of this command's business.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return check_tree(tree, source, str(file))
    except SyntaxError as error:
        return [_unread(file, error.msg, error.lineno or 1, error.offset or 1)]
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return [_unread(file, str(error) or type(error).__name__)]


def _unread(file: Path, reason: str, line: int = 1, column: int = 1) -> Finding:
    remedy = "see to it that this interpreter can compile the file, then run the command again"
    return Finding(str(file), line, max(column, 1), "M001", f"not checked: {' '.join(reason.split())}", remedy)
