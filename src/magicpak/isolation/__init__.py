"""Surroundings for a program that has a bundle as its root: namespaces, mounts, devices, rights."""
