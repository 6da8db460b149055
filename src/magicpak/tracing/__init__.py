"""The tracer: ptrace, seccomp, and which files a program uses by its system calls."""
