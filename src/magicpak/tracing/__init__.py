"""Watching programs run: ptrace, seccomp, and what the system calls of a process tell of the files that it uses."""
