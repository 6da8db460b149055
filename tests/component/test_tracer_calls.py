"""Each call that uses a file leaves its uses: the right file, the right way, and the result that the program got."""

import errno
import filecmp
import os
import stat
from pathlib import Path

import pytest

from magicpak.elf.reader import read_path
from magicpak.process.exec import Command
from magicpak.tracing.run import run_traced
from magicpak.tracing.trace import Access, Backup
from support.traced_programs import RunProgram, apart

pytestmark = pytest.mark.needs("compiler", "ptrace")


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


class TestOpening:
    def test_each_way_to_open_for_reading_is_seen(self, run: RunProgram) -> None:
        seen = run("""
            struct open_how how = {.flags = O_RDONLY};
            works(syscall(SYS_openat, AT_FDCWD, "there", O_RDONLY), "openat read there");
            works(syscall(SYS_openat, AT_FDCWD, "d", O_RDONLY | O_DIRECTORY), "openat read d");
            works(syscall(SYS_openat2, AT_FDCWD, "d/in", &how, sizeof how), "openat2 read d/in");
            #ifdef SYS_open
            works(syscall(SYS_open, "link", O_RDONLY), "open read link");
            #endif
        """)
        assert seen.seen == seen.told

    def test_o_path_opens_for_reading_nothing_yet_is_seen(self, run: RunProgram) -> None:
        seen = run("""
            works(open("there", O_PATH | O_WRONLY), "openat read there");
            works(open("link", O_PATH | O_NOFOLLOW), "openat read link");
            works(open("d", O_PATH | O_DIRECTORY), "openat read d");
        """)
        assert seen.seen == seen.told

    def test_a_failure_has_its_number(self, run: RunProgram) -> None:
        seen = run("""
            fails(ENOENT, open("missing", O_RDONLY), "openat read missing");
            fails(ENOENT, open("broken", O_RDONLY), "openat read broken");
            fails(ENOTDIR, open("there/x", O_RDONLY), "openat read there/x");
            fails(ELOOP, open("link", O_RDONLY | O_NOFOLLOW), "openat read link");
            fails(ENOTDIR, open("there", O_RDONLY | O_DIRECTORY), "openat read there");
            fails(EISDIR, open("d", O_WRONLY), "openat read d");
            fails(ENOENT, open("missing", O_WRONLY), "openat changed missing");
        """)
        assert seen.seen == seen.told

    def test_what_was_not_there_is_made(self, run: RunProgram) -> None:
        seen = run("""
            works(open("a", O_WRONLY | O_CREAT | O_TRUNC, 0644), "openat made a");
            works(open("b", O_RDWR | O_CREAT, 0644), "openat made b");
            works(open("c", O_RDONLY | O_CREAT, 0644), "openat made c");
            works(open("dirlink/e", O_WRONLY | O_CREAT | O_EXCL, 0644), "openat made dirlink/e at d/e");
            works(open("broken", O_WRONLY | O_CREAT, 0644), "openat made broken at nowhere");
            struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0644};
            works(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof how), "openat2 made f");
            #ifdef SYS_open
            works(syscall(SYS_creat, "g", 0644), "creat made g");
            works(syscall(SYS_open, "h", O_WRONLY | O_CREAT, 0644), "open made h");
            #endif
        """)
        assert seen.seen == seen.told

    def test_what_was_there_and_is_truncated_is_emptied(self, run: RunProgram) -> None:
        seen = run("""
            works(open("there", O_WRONLY | O_CREAT | O_TRUNC, 0644), "openat emptied there");
            works(open("dirlink/in", O_RDWR | O_TRUNC), "openat emptied dirlink/in at d/in");
            #ifdef SYS_open
            works(syscall(SYS_creat, "other", 0644), "creat emptied other");
            #endif
        """)
        assert seen.seen == seen.told

    def test_what_was_there_and_is_written_into_is_changed(self, run: RunProgram) -> None:
        seen = run("""
            works(open("there", O_WRONLY | O_APPEND), "openat changed there");
            works(open("dirlink/in", O_WRONLY | O_CREAT, 0644), "openat changed dirlink/in at d/in");
        """)
        assert seen.seen == seen.told

    def test_what_is_opened_for_both_is_read_and_changed(self, run: RunProgram) -> None:
        seen = run("""
            works(open("there", O_RDWR), "openat read there", "openat changed there");
            works(open("other", O_RDWR | O_CREAT, 0644), "openat read other", "openat changed other");
        """)
        assert seen.seen == seen.told

    def test_what_must_not_be_there_and_is_has_the_failure(self, run: RunProgram) -> None:
        seen = run("""
            fails(EEXIST, open("there", O_WRONLY | O_CREAT | O_EXCL, 0644), "openat changed there");
        """)
        assert seen.seen == seen.told

    def test_openat2_says_which_directory_is_the_root(self, run: RunProgram) -> None:
        seen = run("""
            int jail = works(open("jail", O_PATH), "openat read jail");
            struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};
            works(syscall(SYS_openat2, jail, "/x", &how, sizeof how), "openat2 read jail/x in jail");
            works(syscall(SYS_openat2, jail, "absolute", &how, sizeof how), "openat2 read jail/absolute in jail");
            works(syscall(SYS_openat2, jail, "/../x", &how, sizeof how), "openat2 read jail/../x in jail");
            fails(ENOENT, syscall(SYS_openat2, jail, "/there", &how, sizeof how), "openat2 read jail/there in jail");
            how.resolve = RESOLVE_BENEATH;
            works(syscall(SYS_openat2, jail, "x", &how, sizeof how), "openat2 read jail/x");
            fails(EXDEV, syscall(SYS_openat2, jail, "../x", &how, sizeof how), "openat2 read jail/../x");
        """)
        assert seen.seen == seen.told

    @pytest.mark.needs("root")
    def test_a_handle_opens_the_file_that_it_stands_for(self, run: RunProgram) -> None:
        seen = run("""
            struct { struct file_handle head; char rest[MAX_HANDLE_SZ]; } handle = {.head.handle_bytes = MAX_HANDLE_SZ};
            int mount;
            works(name_to_handle_at(AT_FDCWD, "there", &handle.head, &mount, 0), "name_to_handle_at tested there");
            works(open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY), "open_by_handle_at read there");
        """)
        assert seen.seen == seen.told

    def test_a_nameless_file_is_made_when_it_gets_its_name(self, run: RunProgram) -> None:
        seen = run("""
            char name[64];
            int file = open("d", O_TMPFILE | O_WRONLY, 0644);
            check(file >= 0);
            sprintf(name, "/proc/self/fd/%d", file);
            works(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), "linkat made named");
        """)
        (process,) = seen.seen
        assert [line for line in seen.seen[process] if "named" in line] == ["linkat made named"]
        assert not [line for line in seen.seen[process] if "deleted" in line]

    def test_a_descriptor_from_another_process_needs_no_name(self, run: RunProgram) -> None:
        seen = run("""
            int file = works(open("d", O_PATH), "openat read d");
            check(fcntl(file, F_SETFD, 0) == 0);
            pid_t child = fork();
            if (child == 0) {
                works(openat(file, "in", O_RDONLY), "openat read d/in");
                _exit(0);
            }
            check(end_of(child) == 0);
        """)
        assert seen.seen == seen.told


class TestExecuting:
    @pytest.mark.parametrize(
        ("call", "use"),
        [
            ('syscall(SYS_execve, "program", again, environ)', "execve executed program"),
            ('syscall(SYS_execve, "d/p", again, environ)', "execve executed d/p"),
            ('syscall(SYS_execveat, AT_FDCWD, "program", again, environ, 0)', "execveat executed program"),
            ('syscall(SYS_execveat, open("d", O_PATH), "p", again, environ, 0)', "execveat executed d/p"),
            (
                'syscall(SYS_execveat, open("d/p", O_PATH), "", again, environ, AT_EMPTY_PATH)',
                "execveat executed program",
            ),
            ('fexecve(open("d/p", O_PATH), again, environ)', "execveat executed program"),
        ],
    )
    def test_a_program_is_executed_by_its_path(self, here: Path, run: RunProgram, call: str, use: str) -> None:
        seen = run(f"""
            char *again[] = {{"again", "argument", NULL}};
            if (argc > 1) return 5;
            symlink("../program", "d/p");
            tell(0, "{use}");
            {call};
            return 98;
        """)
        (process,) = seen.told
        assert [line for line in seen.seen[process] if "executed" in line] == seen.told[process]
        first, second = seen.trace.executions
        assert (first.pid, first.parent, first.arguments, first.returncode) == (
            process,
            None,
            (f"{here}/program",),
            None,
        )
        assert (second.pid, second.parent, second.arguments, second.returncode) == (
            process,
            0,
            ("again", "argument"),
            5,
        )
        assert second.path == f"{here}/{use.split()[2]}"
        assert (second.real, second.cwd) == (f"{here}/program", str(here))
        assert second.inode == ((here / "program").stat().st_dev, (here / "program").stat().st_ino)

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            ('execv("made", again)', "made"),
            ('close(copied(open("there", O_TRUNC | O_WRONLY))); execv("there", again)', "there"),
            ('rename("made", "d/moved"); execv("d/moved", again)', "d/moved"),
            ('int file = open("made", O_RDONLY); unlink("made"); fexecve(file, again, environ)', "made"),
            ('fexecve(copied(memfd_create("payload", 0)), again, environ)', "memfd:payload"),
            ('dup2(copied(memfd_create("payload", 0)), 50); execv("/proc/self/fd/50", again)', "memfd:payload"),
        ],
    )
    def test_of_a_program_that_the_run_made_the_facts_are_known(
        self, here: Path, run: RunProgram, call: str, name: str
    ) -> None:
        before = """
            static int copied(int to)
            {
                char block[1 << 16];
                int from = open("program", O_RDONLY);
                for (ssize_t size; (size = read(from, block, sizeof block)) > 0;) check(write(to, block, size) == size);
                fchmod(to, 0755);
                return to;
            }
        """
        seen = run(
            f"""
            char *again[] = {{"again", NULL}};
            if (argc > 0 && !strcmp(argv[0], "again")) return 5;
            close(copied(open("made", O_CREAT | O_WRONLY, 0755)));
            {call};
            return 98;
        """,
            before,
        )
        first, second = seen.trace.executions
        path = name if name.startswith("memfd:") else f"{here}/{name}"
        assert (first.facts, second.facts) == (None, read_path(str(here / "program")))
        assert (second.path, second.real, second.arguments, second.returncode) == (path, path, ("again",), 5)

    @pytest.mark.parametrize(
        ("file", "call", "name"),
        [
            ('open("made", O_CREAT | O_WRONLY, 0755)', 'close(file); symlink("made", "l"); execv("l", again)', "l"),
            ('open("there", O_TRUNC | O_WRONLY)', 'close(file); chmod("there", 0755); execv("there", again)', "there"),
            ('memfd_create("payload", 0)', "fchmod(file, 0755); fexecve(file, again, environ)", "memfd:payload"),
        ],
    )
    @pytest.mark.parametrize("option", ["", " -x"])
    def test_of_a_script_that_the_run_made_the_interpreter_is_executed_by_its_name(
        self, *, here: Path, run: RunProgram, option: str, file: str, call: str, name: str
    ) -> None:
        (here / "interpreter").symlink_to("program")
        seen = run(f"""
            char *again[] = {{"again", "argument", NULL}};
            if (argc > 1) return 5;
            int file = {file};
            dprintf(file, "#!{here}/interpreter{option}\\n");
            {call};
            return 98;
        """)
        _, second = seen.trace.executions
        path = name if name.startswith("memfd:") else f"{here}/{name}"
        assert (second.path, second.real, second.facts, second.returncode) == (path, f"{here}/program", None, 5)
        assert "execve executed interpreter" in seen.seen[second.pid]

    def test_of_a_script_of_the_host_the_interpreter_is_no_use(self, here: Path, run: RunProgram) -> None:
        (here / "script").write_text(f"#!{here}/program\n")
        (here / "script").chmod(0o755)
        seen = run("""
            char *again[] = {"again", "argument", NULL};
            if (argc > 2) return 5;
            close(open("made", O_CREAT | O_WRONLY, 0755));
            execv("script", again);
        """)
        assert [use.path for use in seen.trace.uses if use.access is Access.EXECUTED] == [f"{here}/script"]

    def test_a_failure_has_its_number(self, run: RunProgram) -> None:
        seen = run("""
            char *again[] = {"again", NULL};
            fails(ENOENT, execv("missing", again), "execve executed missing");
            fails(EACCES, execv("there", again), "execve executed there");
            fails(EACCES, execv("d", again), "execve executed d");
            works(chmod("there", 0755));
            fails(ENOEXEC, execv("link", again), "execve executed link");
            fails(ENOENT, syscall(SYS_execveat, AT_FDCWD, "missing", again, environ, 0), "execveat executed missing");
        """)
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if "executed" in line] == seen.told[process]
        assert len(seen.trace.executions) == 1

    def test_a_script_is_executed_by_its_own_path_and_is_its_interpreter(self, here: Path, run: RunProgram) -> None:
        (here / "script").write_text(f"#!{here}/program  one argument \n")
        (here / "script").chmod(0o755)
        seen = run("""
            if (argc > 1) return 4;
            tell(0, "execve executed script");
            execl("script", "words", "more", (char *)NULL);
        """)
        _, second = seen.trace.executions
        assert seen.seen == seen.told
        assert (second.path, second.real) == (f"{here}/script", f"{here}/program")
        assert second.returncode == 4
        assert second.inode == ((here / "program").stat().st_dev, (here / "program").stat().st_ino)

    def test_the_first_program_is_an_execution_and_a_use(self, here: Path, run: RunProgram) -> None:
        seen = run("return 3;")
        (only,) = seen.trace.executions
        assert (only.parent, only.forked, only.path, only.real) == (None, False, f"{here}/program", f"{here}/program")
        assert (only.arguments, only.cwd, only.returncode) == ((f"{here}/program",), str(here), 3)
        assert seen.seen == seen.told


class TestAsking:
    def test_each_way_to_ask_about_a_file_is_seen(self, run: RunProgram) -> None:
        seen = run("""
            char text[256];
            struct stat status;
            struct statx more;
            struct statfs system;
            int d = works(open("d", O_PATH), "openat read d");
            works(fstatat(AT_FDCWD, "there", &status, 0), "newfstatat tested there");
            works(fstatat(d, "in", &status, AT_SYMLINK_NOFOLLOW), "newfstatat tested d/in");
            works(statx(d, "in", 0, STATX_ALL, &more), "statx tested d/in");
            works(syscall(SYS_faccessat, d, "in", R_OK), "faccessat tested d/in");
            works(syscall(SYS_faccessat2, AT_FDCWD, "link", R_OK, AT_EACCESS), "faccessat2 tested link");
            works(readlinkat(AT_FDCWD, "link", text, sizeof text), "readlinkat tested link");
            works(statfs("other", &system), "statfs tested other");
            #ifdef SYS_stat
            works(syscall(SYS_stat, "other", &status), "stat tested other");
            works(syscall(SYS_lstat, "broken", &status), "lstat tested broken");
            works(syscall(SYS_access, "other", F_OK), "access tested other");
            works(syscall(SYS_readlink, "broken", text, sizeof text), "readlink tested broken");
            #endif
        """)
        assert seen.seen == seen.told

    def test_each_way_to_ask_for_attributes_is_seen(self, run: RunProgram) -> None:
        seen = run("""
            char text[256];
            works(listxattr("there", text, sizeof text), "listxattr tested there");
            works(llistxattr("link", text, sizeof text), "llistxattr tested link");
            fails(ENODATA, getxattr("other", "user.none", text, sizeof text), "getxattr tested other");
            fails(ENODATA, lgetxattr("other", "user.none", text, sizeof text), "lgetxattr tested other");
        """)
        assert seen.seen == seen.told

    def test_a_failure_has_its_number(self, run: RunProgram) -> None:
        seen = run("""
            char text[256];
            struct stat status;
            struct statx more;
            fails(ENOENT, fstatat(AT_FDCWD, "missing", &status, 0), "newfstatat tested missing");
            fails(ENOENT, statx(AT_FDCWD, "broken", 0, STATX_ALL, &more), "statx tested broken");
            fails(EACCES, syscall(SYS_faccessat, AT_FDCWD, "there", X_OK), "faccessat tested there");
            fails(EINVAL, readlinkat(AT_FDCWD, "there", text, sizeof text), "readlinkat tested there");
            fails(ENOTDIR, fstatat(AT_FDCWD, "there/in", &status, 0), "newfstatat tested there/in");
        """)
        assert seen.seen == seen.told

    def test_a_directory_that_is_listed_is_opened_and_listed(self, run: RunProgram) -> None:
        seen = run("""
            char entries[4096];
            int d = works(open("dirlink", O_RDONLY | O_DIRECTORY), "openat read dirlink");
            while (syscall(SYS_getdents64, d, entries, sizeof entries) > 0) {}
            tell(0, "getdents64 listed d");
            int there = works(open("there", O_RDONLY), "openat read there");
            fails(ENOTDIR, syscall(SYS_getdents64, there, entries, sizeof entries), "getdents64 listed there");
        """)
        assert seen.seen == seen.told

    def test_a_directory_that_is_entered_is_seen(self, run: RunProgram) -> None:
        seen = run("""
            int top = works(open(".", O_PATH), "openat read .");
            works(chdir("dirlink"), "chdir entered dirlink");
            works(fchdir(top), "fchdir entered .");
            fails(ENOENT, chdir("missing"), "chdir entered missing");
            fails(ENOTDIR, chdir("there"), "chdir entered there");
        """)
        assert seen.seen == seen.told

    @pytest.mark.needs("chroot")
    def test_a_root_that_is_entered_is_seen(self, run: RunProgram) -> None:
        seen = run("""works(chroot("jail"), "chroot entered jail");""")
        assert seen.seen == seen.told


class TestMapping:
    def test_a_file_that_is_mapped_as_code_is_mapped(self, run: RunProgram) -> None:
        seen = run("""
            int file = works(open("link", O_RDONLY), "openat read link");
            check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED);
            check(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED);
            tell(0, "mmap mapped there");
            check(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
            int other = works(open("other", O_WRONLY), "openat changed other");
            check(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, other, 0) == MAP_FAILED && errno == EACCES);
            tell(EACCES, "mmap mapped other");
        """)
        assert seen.seen == seen.told

    def test_a_library_that_is_loaded_is_opened_and_mapped(self, here: Path, run: RunProgram) -> None:
        Path(here / "library.c").write_text("int answer(void) { return 42; }")
        assert os.system(f"cc -shared -fPIC -o {here}/library.so {here}/library.c") == 0
        seen = run("""
            check(dlopen("./library.so", RTLD_NOW));
            tell(0, "openat read ./library.so by loader");
            tell(0, "mmap mapped library.so by loader");
        """)
        process = next(iter(seen.told))
        mapped = [line for line in seen.seen[process] if " tested " not in line]
        assert mapped == seen.told[process]


class TestChanging:
    def test_what_is_created_is_made(self, run: RunProgram) -> None:
        seen = run("""
            works(mkdirat(AT_FDCWD, "new", 0755), "mkdirat made new");
            works(mknodat(AT_FDCWD, "dirlink/pipe", S_IFIFO | 0644, 0), "mknodat made dirlink/pipe at d/pipe");
            works(symlinkat("target", AT_FDCWD, "new/symlink"), "symlinkat made new/symlink");
            works(linkat(AT_FDCWD, "new/symlink", AT_FDCWD, "new/hard", 0), "linkat made new/hard");
            #ifdef SYS_mkdir
            works(syscall(SYS_mkdir, "old", 0755), "mkdir made old");
            works(syscall(SYS_mknod, "old/pipe", S_IFIFO | 0644, 0), "mknod made old/pipe");
            works(syscall(SYS_symlink, "target", "old/symlink"), "symlink made old/symlink");
            works(syscall(SYS_link, "old/symlink", "old/hard"), "link made old/hard");
            #endif
        """)
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if " tested " not in line] == seen.told[process]

    def test_what_cannot_be_created_is_a_failure_with_its_number(self, run: RunProgram) -> None:
        seen = run("""
            fails(EEXIST, mkdirat(AT_FDCWD, "d", 0755), "mkdirat made d");
            fails(ENOENT, mkdirat(AT_FDCWD, "missing/new", 0755), "mkdirat made missing/new");
            fails(EEXIST, symlinkat("target", AT_FDCWD, "there"), "symlinkat made there");
            fails(EEXIST, linkat(AT_FDCWD, "there", AT_FDCWD, "other", 0), "linkat made other");
        """)
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if " tested " not in line] == seen.told[process]

    def test_what_is_moved_is_removed_here_and_made_there(self, run: RunProgram) -> None:
        seen = run("""
            works(syscall(SYS_renameat2, AT_FDCWD, "there", AT_FDCWD, "moved", 0),
                  "renameat2 removed there", "renameat2 made moved");
            works(syscall(SYS_renameat2, AT_FDCWD, "dirlink/in", AT_FDCWD, "other", 0),
                  "renameat2 removed dirlink/in at d/in", "renameat2 removed other", "renameat2 made other");
            #ifdef SYS_renameat
            works(syscall(SYS_renameat, AT_FDCWD, "link", AT_FDCWD, "link2"),
                  "renameat removed link", "renameat made link2");
            #endif
            #ifdef SYS_rename
            works(syscall(SYS_rename, "jail", "jail2"), "rename removed jail", "rename made jail2");
            #endif
        """)
        assert seen.seen == seen.told

    def test_what_changes_places_is_removed_and_made_on_both_sides(self, run: RunProgram) -> None:
        seen = run("""
            works(syscall(SYS_renameat2, AT_FDCWD, "there", AT_FDCWD, "d", RENAME_EXCHANGE),
                  "renameat2 removed there", "renameat2 removed d", "renameat2 made d", "renameat2 made there");
            fails(EEXIST, syscall(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, "link", RENAME_NOREPLACE));
        """)
        process = next(iter(seen.told))
        assert sorted(line for line in seen.seen[process] if "EEXIST" not in line) == sorted(seen.told[process])

    def test_what_is_deleted_is_removed(self, run: RunProgram) -> None:
        seen = run("""
            works(unlinkat(AT_FDCWD, "link", 0), "unlinkat removed link");
            works(unlinkat(AT_FDCWD, "dirlink/in", 0), "unlinkat removed dirlink/in at d/in");
            works(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), "unlinkat removed d");
            fails(ENOENT, unlinkat(AT_FDCWD, "missing", 0), "unlinkat removed missing");
            #ifdef SYS_unlink
            works(syscall(SYS_unlink, "there"), "unlink removed there");
            works(syscall(SYS_mkdir, "new", 0755), "mkdir made new");
            works(syscall(SYS_rmdir, "new"), "rmdir removed new");
            #endif
        """)
        assert seen.seen == seen.told

    def test_what_gets_another_length_is_changed_or_emptied(self, run: RunProgram) -> None:
        seen = run("""
            works(truncate("dirlink/in", 3), "truncate changed dirlink/in at d/in");
            int there = works(open("there", O_WRONLY), "openat changed there");
            works(ftruncate(there, 3), "ftruncate changed there");
        """)
        assert seen.seen == seen.told

    def test_whose_mode_owner_or_times_are_set_is_changed(self, run: RunProgram) -> None:
        seen = run("""
            int there = works(open("there", O_RDONLY), "openat read there");
            works(fchmod(there, 0600), "fchmod changed there");
            works(fchown(there, -1, -1), "fchown changed there");
            works(futimens(there, NULL), "utimensat changed there");
            works(fchmodat(AT_FDCWD, "dirlink/in", 0600, 0), "fchmodat changed dirlink/in at d/in");
            works(fchownat(AT_FDCWD, "link", -1, -1, AT_SYMLINK_NOFOLLOW), "fchownat changed link");
            works(utimensat(AT_FDCWD, "other", NULL, 0), "utimensat changed other");
            #ifdef SYS_chmod
            works(syscall(SYS_chmod, "d", 0700), "chmod changed d");
            works(syscall(SYS_chown, "d", -1, -1), "chown changed d");
            works(syscall(SYS_lchown, "broken", -1, -1), "lchown changed broken");
            works(syscall(SYS_utimes, "d", NULL), "utimes changed d");
            works(syscall(SYS_utime, "d", NULL), "utime changed d");
            #endif
        """)
        assert seen.seen == seen.told

    def test_whose_attributes_are_set_is_changed(self, run: RunProgram) -> None:
        seen = run("""
            int there = works(open("there", O_RDONLY), "openat read there");
            works(setxattr("other", "user.a", "b", 1, 0), "setxattr changed other");
            works(removexattr("other", "user.a"), "removexattr changed other");
            works(fsetxattr(there, "user.a", "b", 1, 0), "fsetxattr changed there");
            works(fremovexattr(there, "user.a"), "fremovexattr changed there");
        """)
        assert seen.seen == seen.told


class TestConnecting:
    UNIX = """
        static int of_unix(int how(int, const struct sockaddr *, socklen_t), const char *path, int length)
        {
            struct sockaddr_un address = {.sun_family = AF_UNIX};
            memcpy(address.sun_path, path, length);
            length += offsetof(struct sockaddr_un, sun_path);
            return how(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, length);
        }
        static int listening(int socket, const struct sockaddr *address, socklen_t length)
        {
            return bind(socket, address, length) ?: listen(socket, 5);
        }
    """

    def test_a_socket_with_a_path_is_made_and_connected_to(self, run: RunProgram) -> None:
        seen = run(
            """
            works(of_unix(listening, "socket", 7), "bind made socket");
            works(of_unix(connect, "socket", 6), "connect connected socket");
            works(of_unix(listening, "d/without zero at its end", 25), "bind made d/without zero at its end");
            fails(ENOENT, of_unix(connect, "missing", 8), "connect connected missing");
            fails(EADDRINUSE, of_unix(bind, "there", 6), "bind made there");
            """,
            self.UNIX,
        )
        assert seen.seen == seen.told

    def test_a_socket_without_a_path_is_no_file(self, run: RunProgram) -> None:
        seen = run(
            """
            works(of_unix(listening, "\\0there", 6));
            works(of_unix(connect, "\\0there", 6));
            fails(ECONNREFUSED, of_unix(connect, "\\0other", 6));
            works(of_unix(listening, "", 0));
            struct sockaddr_in { short family; unsigned short port; char rest[12]; } internet = {AF_INET};
            works(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&internet, sizeof internet));
            """,
            self.UNIX,
        )
        assert seen.seen == seen.told
        assert not [use for use in seen.trace.uses if use.call in ("bind", "connect")]


class TestNames:
    def test_a_relative_name_is_relative_to_the_current_directory_of_the_moment(self, run: RunProgram) -> None:
        seen = run("""
            works(chdir("d"), "chdir entered d");
            works(open("in", O_RDONLY), "openat read d/in");
            works(open("../there", O_RDONLY), "openat read d/../there");
            works(chdir("../jail/d"), "chdir entered d/../jail/d");
            works(open("in", O_RDONLY), "openat read jail/d/in");
        """)
        assert seen.seen == seen.told

    def test_an_absolute_name_is_what_it_is(self, here: Path, run: RunProgram) -> None:
        seen = run(f"""
            works(open("{here}/there", O_RDONLY), "openat read there");
            works(open("{here}/dirlink/../link", O_RDONLY), "openat read dirlink/../link");
            works(openat(12345, "{here}/there", O_RDWR), "openat read there", "openat changed there");
        """)
        process = next(iter(seen.told))
        assert list(dict.fromkeys(seen.told[process])) == seen.seen[process]

    def test_a_name_after_a_descriptor_is_relative_to_its_directory(self, run: RunProgram) -> None:
        seen = run("""
            int d = works(open("dirlink", O_PATH), "openat read dirlink");
            works(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "moved", 0),
                  "renameat2 removed d", "renameat2 made moved");
            works(openat(d, "in", O_RDONLY), "openat read moved/in");
            check(dup2(d, 500) == 500 && close(d) == 0);
            works(openat(500, "in", O_RDONLY | O_NONBLOCK));
            works(mkdirat(500, "new", 0755), "mkdirat made moved/new");
            fails(EBADF, openat(499, "in", O_RDONLY));
        """)
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if "EBADF" not in line] == seen.told[process]

    def test_a_thread_can_have_its_own_current_directory(self, run: RunProgram) -> None:
        seen = run(
            """
            run_thread(elsewhere, NULL);
            works(open("there", O_RDONLY), "openat read there");
            """,
            """
            static void *elsewhere(void *nothing)
            {
                check(unshare(CLONE_FS) == 0);
                works(chdir("d"), "chdir entered d");
                works(open("in", O_RDONLY), "openat read d/in");
                return nothing;
            }
            """,
        )
        assert seen.seen == seen.told

    def test_a_thread_can_have_its_own_descriptors(self, run: RunProgram) -> None:
        seen = run(
            """
            int d = works(open("d", O_PATH), "openat read d");
            run_thread(elsewhere, (void *)(long)d);
            works(openat(d, "in", O_RDONLY), "openat read d/in");
            """,
            """
            static void *elsewhere(void *d)
            {
                check(unshare(CLONE_FILES) == 0);
                check(dup2(works(open("jail", O_PATH), "openat read jail"), (long)d) == (long)d);
                works(openat((long)d, "x", O_RDONLY), "openat read jail/x");
                return NULL;
            }
            """,
        )
        assert seen.seen == seen.told

    def test_threads_share_a_current_directory_otherwise(self, run: RunProgram) -> None:
        seen = run(
            """
            run_thread(elsewhere, NULL);
            works(open("in", O_RDONLY), "openat read d/in");
            """,
            """
            static void *elsewhere(void *nothing)
            {
                works(chdir("d"), "chdir entered d");
                return nothing;
            }
            """,
        )
        assert seen.seen == seen.told

    def test_a_current_directory_that_is_renamed_or_removed_is_so_from_then_on(self, run: RunProgram) -> None:
        seen = run("""
            works(mkdir("d/new", 0755), "mkdir made d/new");
            works(chdir("d/new"), "chdir entered d/new");
            fails(ENOENT, open("missing", O_RDONLY), "openat read d/new/missing");
            works(rename("../../d", "../../moved"), "rename removed d/new/../../d at d",
                  "rename made d/new/../../moved at moved");
            fails(ENOENT, open("missing", O_RDONLY), "openat read moved/new/missing");
            if (fork() == 0) {
                works(rename("../new", "../newer"), "rename removed moved/new/../new at moved/new",
                      "rename made moved/new/../newer at moved/newer");
                _exit(0);
            }
            wait(NULL);
            fails(ENOENT, open("missing", O_RDONLY), "openat read moved/newer/missing");
            works(syscall(SYS_unlinkat, AT_FDCWD, "../newer", AT_REMOVEDIR),
                  "unlinkat removed moved/newer/../newer at moved/newer");
            fails(ENOENT, open("missing", O_RDONLY));
        """)
        assert seen.seen == seen.told

    @pytest.mark.needs("root", "mount")
    def test_a_current_directory_moves_with_its_mount_and_is_the_root_of_a_namespace_that_is_entered(
        self, run: RunProgram
    ) -> None:
        seen = run("""
            int before = open("/proc/self/ns/mnt", O_RDONLY);
            check(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
            check(mount("none", "d", "tmpfs", 0, NULL) == 0);
            works(chdir("d"), "chdir entered d");
            fails(ENOENT, open("missing", O_RDONLY), "openat read d/missing");
            check(mount(".", "../jail", NULL, MS_MOVE, NULL) == 0);
            fails(ENOENT, open("missing", O_RDONLY), "openat read jail/missing");
            check(setns(before, CLONE_NEWNS) == 0);
            fails(ENOENT, open("missing", O_RDONLY));
        """)
        assert seen.seen == seen.told
        assert ("/missing", errno.ENOENT) in [(use.path, use.error) for use in seen.trace.uses]

    def test_a_thread_goes_on_where_its_leader_has_ended(self, run: RunProgram) -> None:
        seen = run(
            """
            pthread_t thread;
            works(chdir("d"), "chdir entered d");
            check(pthread_create(&thread, NULL, elsewhere, NULL) == 0);
            pthread_exit(NULL);
            """,
            """
            static void *elsewhere(void *nothing)
            {
                char state[64], name[64];
                do {
                    sprintf(name, "/proc/%d/stat", getpid());
                    FILE *file = fopen(name, "r");
                    check(fscanf(file, "%*d %*s %s", state) == 1);
                    fclose(file);
                } while (*state != 'Z');
                works(open("in", O_RDONLY), "openat read d/in");
                int top = works(open("..", O_PATH), "openat read d/..");
                works(openat(top, "there", O_RDONLY), "openat read there");
                works(open("/proc/thread-self/cwd/in", O_WRONLY), "openat changed /proc/thread-self/cwd/in at d/in");
                exit(6);
            }
            """,
        )
        assert seen.seen == seen.told
        assert seen.watched.returncode == 6

    @pytest.mark.needs("chroot")
    def test_names_below_another_root_begin_with_it(self, run: RunProgram) -> None:
        seen = run("""
            int top = works(open(".", O_PATH), "openat read .");
            works(chroot("jail"), "chroot entered jail");
            works(open("/x", O_RDONLY), "openat read jail/x in jail");
            works(open("/absolute", O_RDONLY), "openat read jail/absolute in jail");
            works(open("/d/../../x", O_RDONLY), "openat read jail/d/../../x in jail");
            works(open("/absolute", O_WRONLY), "openat changed jail/absolute at jail/x in jail");
            works(openat(top, "there", O_RDONLY), "openat read there in jail");
            works(chdir("/d"), "chdir entered jail/d in jail");
            works(open("in", O_RDONLY), "openat read jail/d/in in jail");
            works(chroot("/d"), "chroot entered jail/d in jail");
            works(open("/in", O_RDONLY), "openat read jail/d/in in jail/d");
        """)
        assert seen.seen == seen.told

    def test_the_links_of_proc_are_those_of_the_process_that_follows_them(self, run: RunProgram) -> None:
        seen = run("""
            char name[64], use[100];
            int d = works(open("d", O_PATH), "openat read d");
            works(open("/proc/self/cwd/there", O_RDONLY), "openat read there");
            sprintf(name, "/proc/self/fd/%d/in", d);
            works(open(name, O_RDONLY), "openat read d/in");
            sprintf(name, "/proc/%d/fd/%d/in", getpid(), d);
            sprintf(use, "openat changed %s at d/in", name);
            works(open(name, O_WRONLY), use);
            sprintf(name, "/dev/fd/%d/new", d);
            sprintf(use, "openat made %s at d/new", name);
            works(open(name, O_WRONLY | O_CREAT, 0644), use);
        """)
        assert seen.seen == seen.told

    def test_the_program_that_runs_is_no_file_that_it_uses(self, run: RunProgram) -> None:
        seen = run("""
            char text[4096];
            works(open("/proc/self/exe", O_RDONLY));
            works(readlink("/proc/self/exe", text, sizeof text));
            works(open("program", O_RDONLY), "openat read program");
        """)
        assert seen.seen == seen.told

    def test_links_after_a_magic_link_stay(self, run: RunProgram) -> None:
        seen = run("""
            works(open("/proc/self/cwd/link", O_RDONLY), "openat read link");
            works(open("/proc/self/cwd/dirlink/in", O_RDONLY), "openat read dirlink/in");
        """)
        assert seen.seen == seen.told

    def test_standard_streams_are_those_of_the_program(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            check(open("/dev/stdout", O_WRONLY) >= 0 && open("/dev/stdin", O_RDONLY) >= 0);
            int file = works(open("other", O_RDWR), "openat read other", "openat changed other");
            check(dup2(file, 0) == 0);
            works(open("/dev/stdin", O_WRONLY), "openat changed /dev/stdin at other");
        """)
        assert seen.seen == seen.told
        assert [each.path for each in seen.trace.kept] == [f"{here}/other"]

    def test_an_empty_name_with_a_descriptor_is_its_file(self, run: RunProgram) -> None:
        seen = run("""
            struct stat status;
            int there = works(open("link", O_PATH), "openat read link");
            works(fstatat(there, "", &status, AT_EMPTY_PATH));
            works(fchownat(there, "", -1, -1, AT_EMPTY_PATH), "fchownat changed there");
            fails(ENOENT, open("", O_RDONLY));
        """)
        process = next(iter(seen.told))
        seen_lines = [line for line in seen.seen[process] if "newfstatat" not in line and "ENOENT" not in line]
        assert seen_lines == seen.told[process]


class TestReadingNames:
    PAGES = """
        static char *two_pages(int second)
        {
            char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            check(pages != MAP_FAILED);
            if (second == 0) check(munmap(pages + 4096, 4096) == 0);
            if (second == 1) check(mprotect(pages + 4096, 4096, PROT_NONE) == 0);
            return pages;
        }
    """

    def test_a_name_may_end_with_its_mapping(self, run: RunProgram) -> None:
        seen = run(
            """
            for (int second = 0; second < 2; second++) {
                char *name = two_pages(second) + 4096 - sizeof "d/in";
                memcpy(name, "d/in", sizeof "d/in");
                works(open(name, second ? O_WRONLY : O_RDONLY), second ? "openat changed d/in" : "openat read d/in");
            }
            """,
            self.PAGES,
        )
        assert seen.seen == seen.told

    def test_a_name_may_cross_pages(self, run: RunProgram) -> None:
        seen = run(
            """
            for (size_t before = 0; before <= sizeof "d/in"; before++) {
                char *name = two_pages(2) + 4096 - before;
                memcpy(name, "d/in", sizeof "d/in");
                works(open(name, O_RDONLY));
            }
            tell(0, "openat read d/in");
            """,
            self.PAGES,
        )
        assert seen.seen == seen.told

    def test_a_name_may_be_of_4095_bytes(self, run: RunProgram) -> None:
        seen = run("""
            char name[5000];
            memset(name, '/', sizeof name);
            memcpy(name, "d", 1);
            strcpy(name + 4095 - 2, "in");
            char use[5000];
            sprintf(use, "openat read %s", name);
            works(open(name, O_RDONLY), use);
            strcpy(name + 4096 - 2, "in");
            fails(ENAMETOOLONG, open(name, O_RDONLY));
        """)
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if "ENAMETOOLONG" not in line] == seen.told[process]

    def test_a_deep_directory_may_make_a_path_of_more_than_4095_bytes(self, run: RunProgram) -> None:
        seen = run("""
            char part[256];
            memset(part, 'x', 255);
            part[255] = 0;
            for (int depth = 0; depth < 20; depth++) check(mkdir(part, 0755) == 0 && chdir(part) == 0);
            check(open("deep", O_WRONLY | O_CREAT, 0644) >= 0);
            check(open("deep", O_RDONLY) >= 0);
            for (int depth = 0; depth < 20; depth++) check(chdir("..") == 0);
            works(open("there", O_RDONLY), "openat read there");
        """)
        process = next(iter(seen.told))
        assert seen.seen[process][-1] == "openat read there"
        assert seen.watched.returncode == 0

    @pytest.mark.parametrize("name", [b"\xff\xfe", b"na\xefve", b"tab\there", b" ", b"-", b"\\x41", b"\x01"])
    def test_a_name_is_bytes(self, here: Path, run: RunProgram, name: bytes) -> None:
        Path(here / os.fsdecode(name)).write_text("")
        spelled = "".join(f"\\{byte:03o}" for byte in name)
        seen = run(f"""works(open("{spelled}", O_RDONLY), "openat read {spelled}");""")
        assert seen.seen == seen.told

    def test_a_name_may_hold_a_line_break(self, here: Path, run: RunProgram) -> None:
        (here / "a\nb").write_text("")
        seen = run("""works(open("a\\nb", O_RDONLY));""")
        assert [use.path for use in seen.trace.uses][-1] == f"{here}/a\nb"

    def test_a_bad_pointer_is_no_name(self, run: RunProgram) -> None:
        seen = run(
            """
            struct stat status;
            char *name = two_pages(0) + 4096 - 4;
            memcpy(name, "d/in", 4);
            for (int time = 0; time < 3; time++) {
                const char *bad = time == 0 ? NULL : time == 1 ? (void *)-1 : name;
                fails(EFAULT, open(bad, O_RDONLY));
                fails(EFAULT, syscall(SYS_openat2, AT_FDCWD, "there", bad, sizeof(struct open_how)));
                fails(EFAULT, syscall(SYS_newfstatat, AT_FDCWD, bad, &status, 0));
                fails(EFAULT, syscall(SYS_execve, bad, argv, environ));
                fails(EFAULT, syscall(SYS_renameat2, AT_FDCWD, "there", AT_FDCWD, bad, 0));
                fails(EFAULT, syscall(SYS_renameat2, AT_FDCWD, bad, AT_FDCWD, "there", 0));
                fails(EFAULT, connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)bad, 110));
                fails(EFAULT, syscall(SYS_clone3, bad, 64));
            }
            works(open("there", O_RDONLY), "openat read there");
            """,
            self.PAGES,
        )
        process = next(iter(seen.told))
        assert [line for line in seen.seen[process] if "EFAULT" not in line] == seen.told[process]
        assert seen.trace.unreadable == 0

    def test_arguments_of_a_program_may_be_many_and_long(self, run: RunProgram) -> None:
        seen = run("""
            static char *words[2002], text[100001];
            if (argc > 1) return argc == 2001 && strlen(argv[1]) == 100000 ? 7 : 8;
            memset(text, 'x', 100000);
            words[0] = "again";
            for (int index = 1; index < 2001; index++) words[index] = index == 1 ? text : "y";
            execv("program", words);
        """)
        assert seen.watched.returncode == 7
        _, second = seen.trace.executions
        assert second.arguments[0] == "again"


class TestKept:
    @pytest.mark.parametrize(
        "call",
        [
            'write(open("there", O_WRONLY), "x", 1)',
            'write(open("link", O_WRONLY | O_APPEND), "x", 1)',
            'open("there", O_WRONLY | O_TRUNC)',
            'write(open("there", O_RDWR), "x", 1)',
            'truncate("there", 3)',
            'ftruncate(open("there", O_RDWR), 0)',
            'unlink("there")',
            'rename("there", "moved")',
            'rename("other", "there")',
            'syscall(SYS_renameat2, AT_FDCWD, "there", AT_FDCWD, "d", RENAME_EXCHANGE)',
            'chmod("link", 0600)',
            'fchmod(open("there", O_RDONLY), 0600)',
            'utimensat(AT_FDCWD, "there", NULL, 0)',
        ],
    )
    def test_what_was_there_is_kept_as_it_was(self, here: Path, run: RunProgram, call: str) -> None:
        (here / "there").chmod(0o640)
        os.utime(here / "there", ns=(10**18, 10**18 + 1))
        owner = (here / "there").stat()
        seen = run(f"check({call} >= 0);")
        kept = [each for each in seen.trace.kept if each.path == f"{here}/there"]
        mode = stat.S_IFREG | 0o640
        text = "there as it was\n"
        assert kept == [Backup(f"{here}/there", text, None, mode, owner.st_uid, owner.st_gid, 10**18 + 1)]

    def test_the_first_state_is_kept_and_later_ones_are_not(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            check(write(open("there", O_WRONLY | O_TRUNC), "second", 6) == 6);
            check(unlink("there") == 0);
            check(write(open("there", O_WRONLY | O_CREAT, 0644), "third", 5) == 5);
            check(unlink("there") == 0);
        """)
        assert [(each.path, each.copy) for each in seen.trace.kept] == [(f"{here}/there", "there as it was\n")]

    def test_a_link_is_kept_as_a_link(self, here: Path, run: RunProgram) -> None:
        seen = run("""check(unlink("link") == 0); check(rename("broken", "moved") == 0);""")
        kept = [(each.path, each.copy, each.target, stat.S_IFMT(each.mode)) for each in seen.trace.kept]
        assert kept == [
            (f"{here}/link", None, "there", stat.S_IFLNK),
            (f"{here}/broken", None, "nowhere", stat.S_IFLNK),
        ]

    def test_a_directory_is_kept_without_a_copy(self, here: Path, run: RunProgram) -> None:
        seen = run("""check(unlink("d/in") == 0); check(rmdir("d") == 0);""")
        kept = [(each.path, each.copy, stat.S_IFMT(each.mode)) for each in seen.trace.kept]
        assert kept == [(f"{here}/d/in", "d/in as it was\n", stat.S_IFREG), (f"{here}/d", None, stat.S_IFDIR)]

    def test_of_a_directory_that_is_renamed_what_was_used_is_kept_with_what_is_on_the_way(
        self, here: Path, run: RunProgram
    ) -> None:
        (here / "d/sub/deep").mkdir(parents=True)
        for name in ("d/sub/deep/file", "d/sub/unused"):
            (here / name).write_text(name)
        seen = run("""
            check(open("d/sub/deep/file", O_RDONLY) >= 0 && open("./d//in", O_RDONLY) >= 0);
            check(open("d/missing", O_RDONLY) == -1);
            check(rename("d", "moved") == 0);
        """)
        assert sorted((os.path.relpath(each.path, here), each.copy) for each in seen.trace.kept) == [
            ("d", None),
            ("d/in", "d/in as it was\n"),
            ("d/sub", None),
            ("d/sub/deep", None),
            ("d/sub/deep/file", "d/sub/deep/file"),
        ]

    def test_what_the_run_made_is_not_kept(self, run: RunProgram) -> None:
        seen = run("""
            check(write(open("new", O_WRONLY | O_CREAT, 0644), "x", 1) == 1);
            check(open("new", O_WRONLY | O_TRUNC) >= 0);
            check(rename("new", "newer") == 0);
            check(truncate("newer", 3) == 0);
            check(unlink("newer") == 0);
            check(mkdir("made", 0755) == 0 && rmdir("made") == 0);
        """)
        assert seen.trace.kept == ()

    def test_what_could_not_be_changed_need_not_be_kept(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            check(open("there", O_WRONLY | O_CREAT | O_EXCL, 0644) == -1);
            check(rmdir("d") == -1);
            check(unlink("missing") == -1);
        """)
        for each in seen.trace.kept:
            assert (here / os.path.relpath(each.path, here)).exists()

    def test_what_only_is_read_is_not_kept(self, run: RunProgram) -> None:
        seen = run("""check(open("there", O_RDONLY) >= 0); check(access("other", W_OK) == 0);""")
        assert seen.trace.kept == ()

    def test_a_file_that_is_changed_by_a_link_that_the_run_made_is_kept(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            check(link("there", "hard") == 0);
            check(write(open("hard", O_WRONLY | O_TRUNC), "second", 6) == 6);
        """)
        assert [(each.path, each.copy) for each in seen.trace.kept] == [(f"{here}/there", "there as it was\n")]

    def test_a_file_that_is_replaced_by_another_is_kept(self, here: Path, run: RunProgram) -> None:
        seen = run("""
            check(write(open("new", O_WRONLY | O_CREAT | O_EXCL, 0644), "second", 6) == 6);
            check(rename("new", "there") == 0);
            works(open("there", O_RDONLY), "openat read there");
        """)
        assert [(each.path, each.copy) for each in seen.trace.kept] == [(f"{here}/there", "there as it was\n")]

    def test_holes_are_kept_as_holes(self, here: Path, kept: Path) -> None:
        with open(here / "sparse", "wb") as file:
            file.write(b"begin")
            file.seek(1 << 26)
            file.write(b"middle")
            file.truncate(1 << 27)
        command = Command.found(["/bin/sh", "-c", f": <> {here}/sparse"])
        watched = apart(lambda: run_traced(command, timeout=20, keep_in=str(kept)))
        (each,) = watched.trace.kept
        assert each.copy is not None
        assert filecmp.cmp(here / "sparse", each.copy, shallow=False)
        assert os.stat(each.copy).st_blocks <= (here / "sparse").stat().st_blocks


class TestRefused:
    def test_io_uring_is_not_there(self, run: RunProgram) -> None:
        seen = run("""
            char parameters[256] = {0};
            fails(ENOSYS, syscall(425 /* io_uring_setup */, 8, parameters));
            works(open("there", O_RDONLY), "openat read there");
        """)
        assert seen.seen == seen.told


class TestCounting:
    def test_the_same_use_counts_once(self, run: RunProgram) -> None:
        seen = run("""
            for (int time = 0; time < 1000; time++) close(open("there", O_RDONLY));
            tell(0, "openat read there");
            for (int time = 0; time < 1000; time++) access("missing", F_OK);
        """)
        (process,) = seen.seen
        assert seen.seen[process] == [*seen.told[process], "access tested missing ENOENT"]
