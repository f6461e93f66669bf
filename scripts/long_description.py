"""The README as the package index shows it, which is outside of the repository: `pyproject.toml` runs it in each build.

A link into the repository becomes its text and the path, an image from there goes. A link into the README itself stays.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_HERE = r"(?![a-z]+:|#)(?P<path>[^)\s]+)"
_IMAGE = re.compile(rf"^!\[[^\]]*\]\({_HERE}\)\n+", re.MULTILINE)
_LINK = re.compile(rf"\[(?P<text>[^\]]+)\]\({_HERE}\)")
_BLOCK = re.compile(r"^(```.*?^```\n)", re.DOTALL | re.MULTILINE)


class LongDescription(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        readme = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": long_description(readme)}


def long_description(readme: str) -> str:
    # Every other part is a block of code.
    parts = _BLOCK.split(readme)
    parts[::2] = [_LINK.sub(_named, _IMAGE.sub("", prose)) for prose in parts[::2]]
    return "".join(parts)


def _named(link: re.Match[str]) -> str:
    path = link["path"].partition("#")[0]
    return f"`{path}`" if link["text"] == path else f"{link['text']} (`{path}`)"
