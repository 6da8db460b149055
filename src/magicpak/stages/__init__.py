"""The stages that only some runs have, each imported by the pipeline when it is asked for."""
