"""Makes what is derived from the program: docs/options.md, the manual page, the completions, the README's picture."""
