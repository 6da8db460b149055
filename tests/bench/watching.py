"""What is run under the tracer and under strace(1), to be measured against each other."""

import os
import subprocess

OPENS, FILES, OTHERS = 20_000, 100, 200_000
FORKS = 200

_PROGRAM = f"""
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{{
    char name[32];
    for (int i = 0; i < {OPENS}; i++) {{
        snprintf(name, sizeof name, "file%d", i % {FILES});
        int file = open(name, O_RDONLY);
        if (file < 0)
            return 1;
        close(file);
        for (int j = 1; j < {OTHERS // OPENS}; j++)
            syscall(SYS_getppid);
    }}
    return 0;
}}
"""

STRACE = ["/usr/bin/strace", "-f", "--seccomp-bpf", "-e", "trace=file", "-o", "/dev/null"]


def processors_to_run_on() -> dict[str, set[int]]:
    """Return the processors of this process, and one of them, by what they are called."""
    processors = os.sched_getaffinity(0)
    return {"all processors": processors, "one processor": {max(processors)}}


def watched_commands(work: str) -> dict[str, list[str]]:
    """Make what is needed in the directory `work`, and return the commands of the rows."""
    for number in range(FILES):
        with open(os.path.join(work, f"file{number}"), "wb") as file:
            file.write(b"x")
    program = os.path.join(work, "opens")
    subprocess.run(["gcc", "-O1", "-o", program, "-x", "c", "-"], input=_PROGRAM.encode(), check=True)
    loop = f"i=0; while [ $i -lt {FORKS} ]; do /bin/true; i=$((i + 1)); done"
    return {
        "python3 that starts and imports json, ssl, sqlite3": ["/usr/bin/python3", "-c", "import json, ssl, sqlite3"],
        f"a shell that starts {FORKS} programs": ["/bin/sh", "-c", loop],
        f"{OPENS:,} opens of {FILES} files among {OTHERS:,} other calls": [
            "/bin/sh",
            "-c",
            f"cd {work}; exec {program}",
        ],
    }
