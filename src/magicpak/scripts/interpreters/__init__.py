"""Languages that a row describes: what their scripts import and execute, and where their modules are."""
