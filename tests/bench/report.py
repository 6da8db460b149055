"""The measured rows as a Markdown table."""

import os
import platform
from collections.abc import Sequence

from bench.rows import LIMITS, Row

BEGIN, END = "<!-- measured by tests/bench/run.py --write -->", "<!-- end of what was measured -->"
_MIB = 1024  # KiB


def table(rows: Sequence[Row], peak: int) -> str:
    """Return the table of `rows`, with one for the peak memory (KiB)."""
    lines = [
        "| work | against | magicpak | baseline | ratio | limit | |",
        "|---|---|--:|--:|--:|--:|---|",
        *(
            f"| {row.work} | {row.against} | {_time(row.ours)} | {_time(row.theirs)} | {row.ratio:.2f} | {row.limit:g} "
            f"| {_verdict(row.ratio, row.limit)} |"
            for row in rows
        ),
    ]
    if peak:
        limit = LIMITS["memory"]
        mib = peak / _MIB
        lines.append(f"| peak memory of all runs | | {mib:.0f} MiB | | | {limit:g} MiB | {_verdict(mib, limit)} |")
    return "\n".join(lines) + "\n"


def is_within(rows: Sequence[Row], peak: int) -> bool:
    """Tell whether all limits are kept."""
    return all(row.ratio <= row.limit for row in rows) and peak / _MIB <= LIMITS["memory"]


def circumstances(work: str, python: str, times: int) -> str:
    """Return in one sentence what the figures depend on."""
    return (
        f"{os.cpu_count()} processors ({_processor()}), Linux {platform.release()}, Python {python}, files on "
        f"{_file_system(work)}, each row run {times} times (the tree at most 5).\n"
    )


def replaced(document: str, text: str) -> str:
    """Return `document` with `text` in place of what stands between the two marks. Raises ValueError without them."""
    before, mark, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        message = f"the document has no {BEGIN} … {END}"
        raise ValueError(message)
    return f"{before}{BEGIN}\n{text}{END}{after}"


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1000)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1_000_000:.0f} µs"


def _verdict(value: float, limit: float) -> str:
    return "ok" if value <= limit else "**over**"


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(path: str) -> str:
    """Return the type of the file system that holds `path`, by /proc/mounts (proc(5))."""
    with open("/proc/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1:3] for line in file]
    real = os.path.realpath(path) + "/"
    holding = [(len(where), kind) for where, kind in mounts if real.startswith(where.rstrip("/") + "/")]
    return max(holding, default=(0, "an unknown file system"))[1]
