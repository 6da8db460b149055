# Sourced by the scripts beside it, in the project's directory: how a step is run, and what all steps need on a Debian
# machine: the packages of tests/needs.txt, and an environment in .venv-check.
# shellcheck shell=bash

readonly venv=.venv-check
failed=()

# step NAME COMMAND…: runs the command, prints one line with its time, and remembers a failure.
step() {
    local name=$1 verdict=ok begin=${EPOCHREALTIME/[^0-9]/}
    shift
    "$@" || { verdict=FAILED; failed+=("$name"); }
    local tenths=$(((${EPOCHREALTIME/[^0-9]/} - begin) / 100000))
    printf '== %s: %s (%d.%d s)\n' "$name" "$verdict" $((tenths / 10)) $((tenths % 10))
    [[ $verdict == ok ]]
}

needed_packages() { sed -E 's/[[:space:]]*(#.*)?$//; /^$/d' tests/needs.txt; }

# Prints the needed packages that are not installed. A package of another name that provides one does not count.
# shellcheck disable=SC2016  # the format is dpkg-query's
missing_packages() {
    comm -23 <(needed_packages | sort) \
        <(needed_packages | xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
            sed -n 's/^installed //p' | sort)
}

install_packages() {
    if ! command -v apt-get dpkg-query >/dev/null; then
        echo 'not a Debian system: the packages of tests/needs.txt are taken to be there'
        return 0
    fi
    local -a missing
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        printf 'run as root, or first: apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
        return 1
    fi
    # The lists may be absent or older than the archive: only then are they fetched.
    apt_install "${missing[@]}" >/dev/null 2>&1 ||
        { apt-get update --quiet --quiet && apt_install "${missing[@]}" >/dev/null; }
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=false "$@"
}

# upx stands in no list of packages: Debian 13 has it in main, Debian 12 in its backports alone.
install_upx() {
    command -v upx >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        echo 'not a Debian system: upx is taken to be there'
        return 0
    fi
    if ((EUID != 0)); then
        echo 'run as root, or first: apt-get install upx-ucl (on Debian 12 from bookworm-backports)' >&2
        return 1
    fi
    apt_install upx-ucl >/dev/null 2>&1 && return
    apt-get update --quiet --quiet || return 1
    if apt-cache show upx-ucl >/dev/null 2>&1; then
        apt_install upx-ucl >/dev/null
    else
        install_backport upx-ucl
    fi
}

# Installs a package from the backports of this Debian, with a list of sources of its own: /etc/apt stays as it is.
# shellcheck disable=SC1091,SC2016  # os-release is the system's, the format apt-get's
install_backport() {
    local own suite mirror
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME") || return 1
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 'Component: main' | head -n 1)
    own=$(mktemp -d) && chmod 755 "$own" && mkdir "$own/lists" || return 1  # apt's own user reads it
    echo "deb ${mirror:-http://deb.debian.org/debian} $suite-backports main" >"$own/sources.list"
    local -a apart=(-o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$own/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get update --quiet --quiet "${apart[@]}" && apt_install "${apart[@]}" "$1" >/dev/null
    local result=$?
    rm -rf "$own"
    return $result
}

# Prints a Python that is new enough: Debian's own, for which python3-venv is installed, before any other.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3 python3.11 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo 'no Python from 3.11 on is installed' >&2
    return 1
}

# Prints the packages of the dependency groups: pip knows --group from 25.1 on, Debian 12 has 23.0.
dependency_groups() {
    "$1" -c 'import tomllib
with open("pyproject.toml", "rb") as file:
    groups = tomllib.load(file)["dependency-groups"]
print(*groups["test"], *groups["docs"], sep="\n")'
}

# Makes the environment anew, unless it was made from this pyproject.toml, this script and this Python, at this place.
prepare_environment() {
    local python stamp
    local -a groups
    python=$(find_python) || return 1
    stamp=$({ "$python" -VV; pwd; cat pyproject.toml .ci/environment.bash; } | sha256sum)
    [[ -x $venv/bin/pytest && $(cat "$venv/stamp" 2>/dev/null) == "$stamp" ]] && return 0
    mapfile -t groups < <(dependency_groups "$python")
    ((${#groups[@]})) || return 1
    rm -rf "$venv"
    "$python" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --editable . "${groups[@]}" &&
        echo "$stamp" >"$venv/stamp"
}

# Runs the steps that make all that is needed; fails where the last of them, the environment, does.
prepare() {
    step 'packages' install_packages
    step 'upx' install_upx
    step 'environment' prepare_environment
}

# Ends the script, with the names of the steps that failed.
finish() {
    if ((${#failed[@]})); then
        local list
        printf -v list '%s, ' "${failed[@]}"
        echo "FAILED: ${list%, }"
        exit 1
    fi
    echo "$1"
    exit 0
}
