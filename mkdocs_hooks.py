"""Loaded by mkdocs: pixeltable-yolox names templates for mkdocstrings that it does not ship.

Its entry point `tool.doc_plugins.mkdocstrings:get_templates_path` would end every build where it is
installed with an ImportError. Here it finds a module that answers with an empty folder.
"""

import sys
import tempfile
from pathlib import Path
from types import ModuleType


def get_templates_path() -> Path:
    """A folder without templates."""
    return Path(tempfile.mkdtemp(prefix="no_templates_"))


for name in ("tool", "tool.doc_plugins", "tool.doc_plugins.mkdocstrings"):
    sys.modules.setdefault(name, ModuleType(name))
sys.modules["tool.doc_plugins.mkdocstrings"].get_templates_path = get_templates_path  # type: ignore
