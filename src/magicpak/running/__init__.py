"""Runs a program under a process of our own that watches over it to its end."""
