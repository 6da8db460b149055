"""Builds magicpak as one static executable: CPython, the modules that are needed, and nothing to unpack."""
