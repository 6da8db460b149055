"""The chapters of a run, each a value with the settings that it needs; `check` comes before any work, `run` does it."""
