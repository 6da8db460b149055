"""What shell scripts need: the programs that they execute, and the files that they read."""
