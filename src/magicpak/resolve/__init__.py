"""INPUTs and their libraries: closures, what is missing, and what would help."""
