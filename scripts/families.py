"""Writes motor/motor_tornado.py: motor/motor_asyncio.py with Tornado's names.

Run by scripts/families and scripts/check. With ``--check`` it writes nothing, and its status is 1 if the file is not
what it would write.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

MODULES = Path(__file__).parents[1] / "motor"
ASYNCIO, TORNADO = MODULES / "motor_asyncio.py", MODULES / "motor_tornado.py"

HEADER = "# Made by scripts/families from motor_asyncio.py: change that, and run the script.\n"

DIFFERENCES = (
    ("AsyncIOMotor", "Motor"),
    ("for asyncio", "for Tornado"),
    ("from motor.frameworks import asyncio", "from motor.frameworks import tornado"),
    ("asyncio.AbstractEventLoop", "IOLoop"),
    ("\nfrom motor._pymongo", "from tornado.ioloop import IOLoop\n\nfrom motor._pymongo"),
)
"""What stands in one family's module, and what in the other's."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/families", description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if there is something to be written")
    check = parser.parse_args().check

    made = for_tornado(ASYNCIO.read_text("utf-8"))
    if made == TORNADO.read_text("utf-8"):
        return 0
    if check:
        print("motor/motor_tornado.py is not what motor/motor_asyncio.py makes: run scripts/families", file=sys.stderr)
        return 1
    TORNADO.write_text(made, "utf-8")
    return 0


def for_tornado(source: str) -> str:
    """The module for Tornado, from the `source` of the one for asyncio."""
    for asyncio, tornado in DIFFERENCES:
        if asyncio not in source:
            sys.exit(f"scripts/families: motor/motor_asyncio.py has no {asyncio!r} any more")
        source = source.replace(asyncio, tornado)
    # Shorter names make other lines.
    ruff = (sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TORNADO), "-")
    return subprocess.run(ruff, input=HEADER + source, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
