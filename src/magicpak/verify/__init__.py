"""Whether everything in a plan, or in a directory, starts with nothing else around it."""
