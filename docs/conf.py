"""How Sphinx builds the documentation: ``scripts/docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from motor import version

project = "Motor"
author = "the Motor project"
release = version

extensions = ["myst_parser", "sphinx.ext.autodoc", "family_names", "migrate_rules", "pymongo_links"]
exclude_patterns = ["_build"]
default_role = "code"
nitpicky = True
nitpick_ignore = [("py:class", "pymongocrypt.errors.MongoCryptError"), ("py:meth", "set_header")]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Motor {release}"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["index.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
pygments_dark_style = "a11y-high-contrast-dark"

toc_object_entries = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
