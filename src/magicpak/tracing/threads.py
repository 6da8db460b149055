"""The threads that are traced, and the processes that they belong to, from their first stop to their end."""

import os

from magicpak.tracing import procfs, ptrace
from magicpak.tracing.path_args import TracedProcess
from magicpak.tracing.recorder import OnExit, Recorder


class TracedThread:
    """One thread: its process, once that is known, and the call that it is in, as far as we wait for its end."""

    __slots__ = ("is_announced", "is_inside", "on_exit", "process", "tid")

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self.process: TracedProcess | None = None
        self.on_exit: OnExit | None = None
        self.is_inside = False
        """Whether its last system call stop was one at the beginning."""
        self.is_announced = False
        """Whether the stop of the thread that made it has been seen."""


class ThreadTable:
    """Knows each thread by its number, and each process that one of them is; `first` is that of the program."""

    def __init__(self, first: int, recorder: Recorder) -> None:
        self.processes: dict[int, TracedProcess] = {}
        self._recorder = recorder
        self._threads: dict[int, TracedThread] = {}
        self._ended_early: dict[int, tuple[int, TracedProcess | None]] = {}
        self.get(first).is_announced = True

    @property
    def tids(self) -> list[int]:
        """The numbers of all threads."""
        return list(self._threads)

    def get(self, tid: int) -> TracedThread:
        """Return the thread with this number, a new one where it has not been seen yet."""
        thread = self._threads.get(tid)
        if thread is None:
            thread = self._threads[tid] = TracedThread(tid)
            self._recorder.names.directories.forget(tid)
        return thread

    def process_of(self, thread: TracedThread) -> TracedProcess:
        """Return the process of a thread, which may call something before its maker's stop is reported."""
        if thread.process is None:
            pid = procfs.process_of(thread.tid)
            thread.process = self.processes.get(pid)
            if thread.process is None:
                thread.process = self._new_process(self.processes.get(procfs.parent_of(pid)), pid)
        return thread.process

    def add_child(self, maker: TracedThread, tid: int, event: int) -> bool:
        """Add the thread or process `tid`, which may have been seen before; return whether it has not ended before."""
        process = self.process_of(maker)
        if tid in self._ended_early:
            self._add_ended(process, tid, event)
            return False
        child = self.get(tid)
        child.is_announced = True
        if child.process is not None:
            self._recorder.set_parent(child.process, process)
            return True
        self._recorder.names.directories.inherit(tid, maker.tid)  # it has called nothing so far
        is_thread = event == ptrace.PTRACE_EVENT_CLONE and os.path.exists(f"/proc/{process.pid}/task/{tid}")
        child.process = process if is_thread else self._new_process(process, tid)
        return True

    def rename(self, former: int, pid: int) -> TracedThread:
        """Give the thread `former`, which executes another program, the number of its process, and return it."""
        thread = self._threads.pop(former, None) or TracedThread(former)
        self._threads[pid] = thread
        thread.tid = pid
        if former != pid:
            self._recorder.names.directories.forget(pid)
        return thread

    def remove(self, tid: int, status: int) -> None:
        """Remove what has ended with this wait status, and record the end if it is that of a process."""
        thread = self._threads.pop(tid, None)
        if thread is None or not thread.is_announced:
            self._ended_early[tid] = status, thread.process if thread else None
        process = self.processes.pop(tid, None)
        if process is not None:
            self._recorder.ended(process, os.waitstatus_to_exitcode(status))

    def _add_ended(self, process: TracedProcess, tid: int, event: int) -> None:
        """Record the child `tid` of `process`, which has ended before the stop of its maker was reported."""
        status, known = self._ended_early.pop(tid)
        if known is None and event != ptrace.PTRACE_EVENT_CLONE:
            known = self._recorder.forked(process, tid)
            self._recorder.ended(known, os.waitstatus_to_exitcode(status))
        if known is not None:
            self._recorder.set_parent(known, process)

    def _new_process(self, parent: TracedProcess | None, pid: int) -> TracedProcess:
        process = self.processes[pid] = self._recorder.forked(parent, pid)
        return process
