#!/bin/sh
# Bundles a program without docker, tests the bundle, and packs it as an archive: ./bundle.sh PROGRAM ARCHIVE [COMMAND]
#
# For a job of a CI service that has magicpak in its PATH. COMMAND is what the program has to do in the bundle; nothing is
# left behind but the archive, and that only if it works. `docker import ARCHIVE NAME` makes an image of it, anywhere.
set -eu

program=$(command -v "$1")
archive=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# -gt 0 ]; then
    magicpak --verbose --test --test-command "$1" "$program" "$work/bundle"
else
    magicpak --verbose "$program" "$work/bundle"
fi

# The same bundle is the same archive, whoever makes it, and when.
tar --create --file "$work/tar" --directory "$work/bundle" --sort=name --numeric-owner --owner=0 --group=0 .
mv "$work/tar" "$archive"
sha256sum "$archive"
