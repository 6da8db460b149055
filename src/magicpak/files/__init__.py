"""The one place that follows paths and reads files of a root: the host, a plan, or a directory."""
