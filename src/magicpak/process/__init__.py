"""Child processes, pipes, signals and temporary directories."""
