"""How Sphinx builds the documentation: ``scripts/docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from motor import version

project = "Motor"
author = "the Motor project"
release = version

extensions = ["myst_parser", "sphinx.ext.autodoc", "family_names", "pymongo_links"]
exclude_patterns = ["_build"]
default_role = "code"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Motor {release}"
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
