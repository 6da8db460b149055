"""Whether programs start in a world of their own: a plan that is not written yet, or a directory."""
