"""What an example's README shows."""

import re
from pathlib import Path

_OUTPUT = re.compile(r"^```(?:text|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def output(example: Path) -> str:
    """What the README beside this program says that it prints, or what is typed and printed in a terminal."""
    (shown,) = _OUTPUT.findall(example.with_name("README.md").read_text("utf-8"))
    assert isinstance(shown, str)
    return shown
