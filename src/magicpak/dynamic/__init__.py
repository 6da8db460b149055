"""A trace of a run as items of the plan: the programs, libraries and files that it used."""
