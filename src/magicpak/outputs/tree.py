"""Writes a plan into an open directory."""

import errno
import os
from collections.abc import Iterable
from typing import assert_never

from magicpak.bundle.entry import Content, Copy, Directory, Fifo, Link
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Item
from magicpak.errors import OutputNotUsable, reason
from magicpak.outputs.copy import FileCopier, open_source, write_all
from magicpak.outputs.copy_pool import LARGE, CopyJob, CopyPool
from magicpak.outputs.metadata import MetadataWriter, creation_mode
from magicpak.process.signals import raise_if_interrupted
from magicpak.process.tempdirs import DirectoryStack
from magicpak.text import printable

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FIFO = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINK = {errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EACCES, errno.EOPNOTSUPP}
_ITEMS_BETWEEN_SIGNALS = 32


class TreeWriter:
    """Writes a plan, each entry relative to its open directory, which only its owner may enter until it is finished.

    `files` and `size` are what it has written.

    `root` is the descriptor of the bundle's root, `output` what messages call it.
    """

    def __init__(self, root: int, output: str, metadata: MetadataWriter) -> None:
        self.files = 0
        self.size = 0
        self._root = root
        self._at = "/"
        self._output = output
        self._metadata = metadata
        self._copier = FileCopier()
        self._pool = CopyPool(self._copier.copy, self._finish_copied)
        self._copied: dict[tuple[int, int], BundlePath] = {}
        self._stack = DirectoryStack(root)
        self._open: list[tuple[str, Directory]] = []

    @property
    def copied(self) -> int:
        """The bytes that are copied so far."""
        return self._copier.copied

    def write(self, items: Iterable[Item]) -> None:
        """Write the items of a plan, in its order. Raises OutputNotUsable, SourceChanged, CannotRead, Interrupted."""
        umask = os.umask(0)
        try:
            for count, item in enumerate(items):
                if not count % _ITEMS_BETWEEN_SIGNALS:
                    raise_if_interrupted()
                parent, _, name = item.path.rpartition("/")
                while (self._open[-1][0] if self._open else "") != parent:
                    self._leave()
                self._at = item.path
                self._write(item, name)
            while self._open:
                self._leave()
            self._pool.finish_all()
        except OSError as error:
            raise OutputNotUsable(self._output, f"cannot be written: {printable(self._at)}: {reason(error)}") from error
        finally:
            os.umask(umask)
            self._pool.cancel()
            self._stack.close()

    def _write(self, item: Item, name: str) -> None:
        match item.entry:
            case Copy() as entry:
                self._copy(name, entry, item.path)
            case Directory() as entry:
                os.mkdir(name, 0o700, dir_fd=self._stack.fd)
                self._stack.enter(name)
                self._open.append((item.path, entry))
            case Link(target, attributes):
                os.symlink(target, name, dir_fd=self._stack.fd)
                self._metadata.finish_link(name, self._stack.fd, attributes, item.path)
            case Content() as entry:
                self._write_content(name, entry, item.path)
            case Fifo(attributes):
                os.mkfifo(name, 0o600, dir_fd=self._stack.fd)
                fifo = os.open(name, _FIFO, dir_fd=self._stack.fd)
                try:
                    self._metadata.finish(fifo, attributes, item.path)
                finally:
                    os.close(fifo)
            case _:
                assert_never(item.entry)

    def _leave(self) -> None:
        """Finish the innermost directory: from now on nothing changes its time."""
        self._at, entry = self._open.pop()
        directory = self._stack.leave()
        try:
            self._metadata.finish(directory, entry.attributes, self._at, entry.source)
        finally:
            os.close(directory)

    def _copy(self, name: str, entry: Copy, path: BundlePath) -> None:
        first = self._copied.get(entry.inode)
        self.files += 1
        if first is not None and self._hard_link(first, name):
            return
        source = open_source(entry)
        try:
            target = os.open(name, _NEW_FILE, creation_mode(entry.attributes), dir_fd=self._stack.fd)
        except OSError:
            os.close(source)
            raise
        self._copied[entry.inode] = path
        if first is None:
            self.size += entry.size
        if entry.size >= LARGE:
            self._pool.add(CopyJob(entry, source, target, path))
            return
        try:
            self._copier.copy(entry, source, target)
            self._metadata.finish_file(target, entry.attributes, path, entry.extended or source)
        finally:
            os.close(target)
            os.close(source)

    def _finish_copied(self, job: CopyJob) -> None:
        self._at = job.path
        if job.error is not None:
            raise job.error
        self._metadata.finish_file(job.target, job.entry.attributes, job.path, job.entry.extended or job.source)

    def _hard_link(self, first: BundlePath, name: str) -> bool:
        """Make `name` a hard link of `first` without following links; return whether the file system allows that."""
        stack = DirectoryStack(self._root)
        try:
            for part in first.parts[:-1]:
                stack.enter(part)
            os.link(first.name, name, src_dir_fd=stack.fd, dst_dir_fd=self._stack.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_HARD_LINK:
                return False
            raise
        finally:
            stack.close()
        return True

    def _write_content(self, name: str, entry: Content, path: BundlePath) -> None:
        target = os.open(name, _NEW_FILE, 0o600, dir_fd=self._stack.fd)
        try:
            write_all(target, entry.data)
            self._metadata.finish(target, entry.attributes, path)
        finally:
            os.close(target)
        self.files += 1
        self.size += len(entry.data)
