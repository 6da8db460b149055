"""The chapters of the story: what only some runs have is imported by the pipeline when it is asked for."""
