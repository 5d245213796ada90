#!/bin/sh
# Make a virtual environment: make_venv.sh PYTHON FOLDER. Says what to do where Python is too old or lacks venv.
set -eu
python=$1
folder=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "skindose needs Python 3.11 or later; '$python' is $("$python" -V 2>&1). Try: make PYTHON=python3.11" >&2
    exit 1
}
# Debian and Ubuntu leave ensurepip out of their Python; the package python3-venv brings it.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    sh "$(dirname "$0")/system_packages.sh" ensurepip:python3-venv
fi
"$python" -m venv "$folder"
