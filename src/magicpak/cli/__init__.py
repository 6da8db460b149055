"""The command line: click's options in, one line and an exit code out."""
