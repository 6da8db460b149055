"""Tests a finished bundle: alone, as `docker run` would run it from an image that holds nothing else."""
