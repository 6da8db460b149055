"""The bundle as values: paths, entries, the plan, the patterns. Pure, never touches a disk."""
