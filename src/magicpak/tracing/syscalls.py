"""What each system call does with files, and which of its arguments are names, directories and flags."""

from typing import NamedTuple

from magicpak.tracing.trace import Access


class Call(NamedTuple):
    """One system call that is watched.

    `kind` names what it does. `path`, `directory` (a descriptor) and `flags` are indices of arguments, -1 where it has
    none: without a directory a name is relative to the current one. `follows` is whether it acts on what a link
    leads to (unless AT_SYMLINK_NOFOLLOW is among its flags), `access` what it does where the kind leaves it open.
    `moves` is whether it can give threads another current directory, or that directory another name.
    """

    name: str
    kind: str
    path: int = -1
    directory: int = -1
    flags: int = -1
    follows: bool = True
    access: Access = Access.TESTED
    moves: bool = False


def _asks(names: str, *, follows: bool = True, **where: int) -> list[Call]:
    return [Call(name, "ask", follows=follows, **{"path": 0, **where}) for name in names.split()]  # type: ignore[arg-type]


def _changes(names: str, *, follows: bool = True, **where: int) -> list[Call]:
    return [Call(name, "change", follows=follows, **{"path": 0, **where}) for name in names.split()]  # type: ignore[arg-type]


def _makes(names: str, **where: int) -> list[Call]:
    return [Call(name, "make", follows=False, **{"path": 0, **where}) for name in names.split()]  # type: ignore[arg-type]


_ALL = [
    Call("open", "open", 0, flags=1),
    Call("openat", "open", 1, 0, 2),
    Call("creat", "open", 0),
    Call("openat2", "open", 1, 0),
    Call("open_by_handle_at", "open by handle"),
    *_asks("stat stat64 oldstat access statfs statfs64 getxattr listxattr"),
    *_asks("lstat lstat64 oldlstat readlink lgetxattr llistxattr", follows=False),
    *_asks("readlinkat", follows=False, path=1, directory=0),
    *_asks("newfstatat fstatat64 faccessat2", path=1, directory=0, flags=3),
    *_asks("statx", path=1, directory=0, flags=2),
    *_asks("faccessat", path=1, directory=0),
    *_asks("name_to_handle_at getxattrat listxattrat file_getattr", path=1, directory=0),
    *_asks("inotify_add_watch", path=1),
    *[Call(name, "ask", 1, 0, access=Access.READ) for name in ("open_tree", "open_tree_attr")],
    *[Call(name, "list") for name in ("readdir", "getdents", "getdents64")],
    *[Call(name, "enter", 0, access=Access.ENTERED, moves=True) for name in ("chdir", "chroot", "pivot_root")],
    Call("fchdir", "enter", access=Access.ENTERED, moves=True),
    *[Call(name, "move", moves=True) for name in ("setns", "mount", "umount", "umount2", "move_mount")],
    Call("execve", "execute", 0),
    Call("execveat", "execute", 1, 0, 4),
    *_changes("truncate truncate64 chmod chown chown32 utime utimes setxattr removexattr"),
    *_changes("lchown lchown32 lsetxattr lremovexattr", follows=False),
    *_changes("fchmodat", path=1, directory=0),
    *_changes("fchmodat2 utimensat utimensat_time64", path=1, directory=0, flags=3),
    *_changes("fchownat", path=1, directory=0, flags=4),
    *_changes("setxattrat removexattrat", path=1, directory=0, flags=2),
    *_changes("file_setattr", path=1, directory=0, flags=4),
    *_changes("futimesat", path=1, directory=0),
    *[Call(name, "change descriptor") for name in ("ftruncate", "ftruncate64", "fallocate", "fchmod", "fchown")],
    *[Call(name, "change descriptor") for name in ("fchown32", "fsetxattr", "fremovexattr")],
    *_makes("mkdir mknod"),
    *_makes("symlink", path=1),
    *_makes("mkdirat mknodat", path=1, directory=0),
    *_makes("symlinkat", path=2, directory=1),
    Call("link", "link", 1, follows=False),
    Call("linkat", "link", 3, 2, follows=False),
    Call("unlink", "remove", 0, follows=False),
    Call("rmdir", "remove", 0, follows=False, moves=True),
    Call("unlinkat", "remove", 1, 0, follows=False, moves=True),
    Call("rename", "rename", 0, follows=False, moves=True),
    *[Call(name, "rename", 1, 0, 4, follows=False, moves=True) for name in ("renameat", "renameat2")],
    Call("connect", "connect", access=Access.CONNECTED),
    Call("bind", "connect", access=Access.MADE),
    Call("socketcall", "socketcall"),
    *[Call(name, "map", flags=3) for name in ("mmap", "mmap2")],
    Call("clone", "clone"),
    Call("clone3", "clone3"),
    Call("io_uring_setup", "refuse"),
    *[Call(name, "affinity") for name in ("sched_getaffinity", "sched_setaffinity")],
    *[Call(f"set{ids}", "change user") for ids in ("uid", "reuid", "resuid", "gid", "regid", "resgid")],
    *[Call(f"set{ids}32", "change user") for ids in ("uid", "reuid", "resuid", "gid", "regid", "resgid")],
]

CALLS = {call.name: call for call in _ALL}
