"""How Sphinx makes a site of these pages: `python3 -m sphinx --fail-on-warning --nitpicky docs build/site`."""

import re
from pathlib import Path

project = "magicpak"
_source = (Path(__file__).parent.parent / "src" / "magicpak" / "__init__.py").read_text()
release = version = re.findall(r'__version__ = "(.*)"', _source)[0]

extensions = ["myst_parser"]
myst_heading_anchors = 3  # as a forge does: each heading can be linked to
html_theme = "furo"
html_title = f"magicpak {release}"
smartquotes = False  # the text as it is written
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
