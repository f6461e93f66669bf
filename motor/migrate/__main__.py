"""The command: ``python -m motor.migrate PATH [PATH ...]``."""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import textwrap
from collections.abc import Sequence

from motor.migrate.findings import Finding
from motor.migrate.rules import RULES
from motor.migrate.sources import check_paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, by default those of the process.

    Returns the exit code: 0 when nothing was found, 1 when something was. Bad usage, such as a path that is not there,
    raises SystemExit with code 2.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.explain is not None:
        return _explain(parser, given.explain)
    if not given.paths:
        parser.error("name at least one file or folder")
    try:
        findings = list(check_paths(given.paths))
    except FileNotFoundError as error:
        parser.error(str(error))
    if given.format == "json":
        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        _print_text(findings)
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m motor.migrate",
        description="List what would behave differently when code for an older Motor, or for PyMongo Async, runs on "
        "Motor 4. Nothing is changed, and nothing is imported.",
        epilog="Exit code: 0 when nothing was found, 1 when something was, 2 for bad usage.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a file, or a folder whose .py files are read")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print the findings")
    parser.add_argument("--explain", metavar="CODE", help="print what a finding's code stands for, at length")
    return parser


def _explain(parser: argparse.ArgumentParser, code: str) -> int:
    rule = RULES.get(code.upper())
    if rule is None:
        parser.error(f"no such code: {code}; there are {', '.join(RULES)}")
    print(f"{rule.code}: {rule.title}\n\n{textwrap.fill(rule.explanation, 88)}")
    return 0


def _print_text(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}")
        print(f"    {finding.remedy}")
    if findings:
        files = len({finding.path for finding in findings})
        print(f"{len(findings)} found in {files} file{'s' * (files > 1)}; --explain CODE says more about each")


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ``... | head`` ends it without a traceback
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text
    sys.exit(main())
