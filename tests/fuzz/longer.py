"""The longer run: `scripts/fuzz` gives every target many inputs, and atheris chooses them by what code they reach.

Each target runs in a process of its own, whose memory is limited. An input that finds something is kept in `.fuzz/`,
one for each place and kind of what it finds, and `scripts/fuzz --reproduce FILE` runs it again.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".fuzz"
MEMORY = 1024
"""Megabytes that a target's process may take."""
PATIENCE = 60
"""Seconds that an input may take."""


@dataclass(frozen=True)
class Outcome:
    """What came of one target. `peak` is its process's memory in megabytes, `ended` why it ended early, if it did."""

    target: str
    inputs: int
    findings: list[Path]
    peak: int
    ended: str

    @property
    def good(self) -> bool:
        """Whether there is nothing to be looked at."""
        return not self.findings and not self.ended


def fuzz(name: str, runs: int, seconds: int) -> Outcome:
    """Fuzz one target."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    corpus, report = folder / "corpus", folder / "report.json"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={PATIENCE}", f"-rss_limit_mb={MEMORY}"]
    process = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", name, str(report), *limits, str(corpus)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    (folder / "log.txt").write_text(process.stdout)
    found = json.loads(report.read_text()) if report.exists() else []
    # What ends the process (a crash of the interpreter, too much memory or time) leaves its input to libFuzzer.
    fatal = [path for kind in ("crash", "oom", "timeout") for path in folder.glob(f"{kind}-*")]
    ended = "" if process.returncode == 0 else f"ended with {process.returncode}: {_last_line(process.stdout)}"
    return Outcome(
        name,
        _statistic(process.stdout, "number_of_executed_units"),
        [*(Path(path) for path in found), *fatal],
        _statistic(process.stdout, "peak_rss_mb"),
        ended,
    )


def _statistic(output: str, name: str) -> int:
    found = re.search(rf"stat::{name}: +(\d+)", output)
    return int(found[1]) if found else 0


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "without a word"


def show(outcome: Outcome) -> None:
    """Print what came of a target, and how to see it again."""
    found = f"{len(outcome.findings)} findings" if outcome.findings else "nothing found"
    print(f"{outcome.target:20} {outcome.inputs:>8,} inputs, {found}, {outcome.peak} MB at most", flush=True)
    if outcome.ended:
        print(f"  {outcome.ended}; its output is in {FOLDER.name}/{outcome.target}/log.txt")
    for path in outcome.findings:
        print(f"  scripts/fuzz --reproduce {path.relative_to(ROOT)}")
        reason = path.with_suffix(".txt")
        if reason.exists():
            print(f"    {reason.read_text().strip().splitlines()[-1]}")


def reproduce(path: Path) -> None:
    """Run one input as the target whose folder it is in; raises what it finds."""
    TARGETS[path.resolve().parent.name].run(path.read_bytes())
    print("nothing found")


def main() -> int:
    """What `scripts/fuzz` runs; 1 if there were findings."""
    every = sum(target.runs for target in TARGETS.values())
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=f"Fuzz the driver: {every:,} inputs, unless told otherwise."
    )
    parser.add_argument("target", nargs="*", help=f"one of {', '.join(TARGETS)}; all of them if none is given")
    parser.add_argument("--runs", type=int, help="so many inputs for each target")
    parser.add_argument("--seconds", type=int, default=0, help="no longer than this for each target")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run this input once")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.target if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    if arguments.reproduce:
        reproduce(arguments.reproduce)
        return 0
    outcomes = []
    for name in arguments.target or TARGETS:
        outcomes.append(fuzz(name, arguments.runs or TARGETS[name].runs, arguments.seconds))
        show(outcomes[-1])
    inputs, findings = sum(one.inputs for one in outcomes), sum(len(one.findings) for one in outcomes)
    print(f"{'all':20} {inputs:>8,} inputs, {findings} findings, {max(one.peak for one in outcomes)} MB at most")
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
