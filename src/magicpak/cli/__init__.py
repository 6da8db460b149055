"""The command line: parses options with click, and turns a failure into a message and an exit code."""

from magicpak.cli.stand_ins import stand_ins

with stand_ins():
    import click  # noqa: F401 - all of `cli` gets the one that is imported here
