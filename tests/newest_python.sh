#!/bin/sh
# Print the newest Python from 3.13 on that this machine has, on the path or from pyenv, or $1.
for version in 3.14 3.13; do
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        if "$python" -c 'import venv' >/dev/null 2>&1; then
            echo "The newest Python found is $python." >&2
            echo "$python"
            exit
        fi
    done
done
echo "No Python from 3.13 on was found; the newest versions are tried with $1." >&2
echo "$1"
