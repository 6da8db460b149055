"""Turn an executable into the smallest directory it runs in."""

__version__ = "2.0.0.dev0"
