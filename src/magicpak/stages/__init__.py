"""The chapters of a run. Each is a value with the settings that it needs, which `run` carries out; `check` comes first."""
