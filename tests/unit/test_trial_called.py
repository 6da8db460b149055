import pytest

from magicpak.trial.known_paths import known_path

NAMED = {
    "/lib/x86_64-linux-gnu/libnss_dns.so.2": "the NSS module dns",
    "/usr/lib64/libnss_compat-2.31.so": "a library",
    "/usr/lib/libnss_mdns4_minimal.so.2": "the NSS module mdns4_minimal",
    "/etc/nsswitch.conf": "NSS configuration",
    "/lib64/ld-linux-x86-64.so.2": "the interpreter, the dynamic loader",
    "/lib/ld-musl-x86_64.so.1": "the interpreter, the dynamic loader",
    "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1": "the interpreter, the dynamic loader",
    "/opt/app/libapp.so": "a library",
    "/usr/lib/libz.so.1.2.13": "a library",
    "/bin/sh": "a shell",
    "/usr/bin/bash": "a shell",
    "/etc/passwd": "user and group names",
    "/etc/group": "user and group names",
    "/etc/ssl/certs/ca-certificates.crt": "CA certificates",
    "/etc/pki/tls/certs/ca-bundle.crt": "CA certificates",
    "/usr/lib/ssl/cert.pem": "CA certificates",
    "/usr/share/zoneinfo/Europe/Rome": "the time zone Europe/Rome",
    "/usr/share/zoneinfo/UTC": "the time zone UTC",
    "/etc/localtime": "the system time zone",
    "/lib/terminfo/x/xterm": "the terminfo entry xterm",
    "/usr/share/terminfo/s/screen-256color": "the terminfo entry screen-256color",
    "/usr/share/terminfo": "terminfo entries",
    "/usr/share/locale/de/LC_MESSAGES/bash.mo": "translated messages",
    "/usr/lib/locale/C.utf8/LC_CTYPE": "the locale C.utf8",
    "/usr/lib/locale/locale-archive": "a locale",
    "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache": "character set conversions",
    "/etc/services": "names of network services and protocols",
}
WITHOUT_NAME = [
    "/",
    "/etc",
    "/srv/data",
    "/usr/share/zoneinfo.old",
    "/etc/passwd.d",
    "/srv/bin/sh",
    "/srv/a.sofa",
    "/a\nb",
]


@pytest.mark.parametrize("path", NAMED)
def test_what_programs_often_lack_has_a_name(path: str) -> None:
    assert known_path(path).words == NAMED[path]


@pytest.mark.parametrize("path", WITHOUT_NAME)
def test_all_else_has_none(path: str) -> None:
    assert known_path(path).words == ""


def test_what_nothing_goes_without_comes_before_what_is_hardly_missed() -> None:
    paths = ["/usr/share/locale/de", "/etc/nsswitch.conf", "/srv/data", "/lib64/ld-linux-x86-64.so.2"]
    assert sorted(paths, key=lambda path: known_path(path).rank) == paths[::-1]
