#!/bin/sh
# Programs from the system that tests use, as COMMAND:PACKAGE. Installs what is missing where this may be done
# (apt-get, as root); elsewhere says which tests skip. With CI=true a missing program is a failure.
#
#   system_packages.sh [COMMAND:PACKAGE ...]     default: all that `make test` can use
set -eu
wanted=${*:-"dsrdump:dcmtk chromium:chromium"}

missing() {
    for pair in $wanted; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || echo "${pair#*:}"
    done
}

packages=$(missing)
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing" $packages
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends $packages; } >"$log" 2>&1 || tail -n 5 "$log" >&2
    rm -f "$log"
    packages=$(missing)
fi

for package in $packages; do
    echo "Not installed: $package. Tests that need it skip; install it with the system's package manager." >&2
done
if [ -n "$packages" ] && [ "${CI:-}" = true ]; then exit 1; fi
