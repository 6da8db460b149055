"""The command line: parses options with click, and turns a failure into a message and an exit code."""
