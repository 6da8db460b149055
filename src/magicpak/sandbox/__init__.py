"""Namespaces, root directory, devices and user of a program that runs as in a container."""
