#!/bin/sh
# Programs and libraries from the system that tests use, as COMMAND:PACKAGE or LIBRARY.so.N:PACKAGE. Installs what is
# missing where this may be done (apt-get, as root); elsewhere says which tests skip. With CI=true a missing one is a
# failure.
#
#   system_packages.sh [NAME:PACKAGE ...]     default: all that `make test` can use
set -eu
wanted=${*:-"dsrdump:dcmtk chromium:chromium Xvfb:xvfb xdotool:xdotool libEGL.so.1:libegl1 initdb:postgresql"}

missing() {
    PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1) # Debian keeps initdb out of the path
    for pair in $wanted; do
        case $pair in
            *.so.*:*) PATH="$PATH:/sbin" ldconfig -p 2>/dev/null | grep -q "${pair%%:*}" || echo "${pair#*:}" ;;
            *) command -v "${pair%%:*}" >/dev/null 2>&1 || echo "${pair#*:}" ;;
        esac
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
