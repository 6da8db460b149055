"""Generates docs/options.md, the manual page, the completions and the README's picture from the program."""
