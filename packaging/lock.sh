#!/usr/bin/env bash
# Writes the hashed requirement files under requirements/ from pyproject.toml.
#
#   packaging/lock.sh             keep what is locked, add what pyproject.toml asks for
#   packaging/lock.sh --upgrade   take the newest versions that pyproject.toml allows
#
# pyXY.txt is what the app needs on Python X.Y, pyXY-dev.txt that and what its tests and linters need,
# build.txt what builds the project itself. Linux, macOS and Windows share a file. Needs uv. The settings
# of pip and of uv on this machine are left out on purpose, so that the hashes are those of the public
# packages wherever this runs.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || { echo "lock.sh: uv is missing; install it with: pipx install uv" >&2; exit 1; }

compile() { # output file, python version, then arguments of uv pip compile
    local output=requirements/$1 version=$2
    shift 2
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        uv pip compile --quiet --no-config --universal --python-version "$version" --generate-hashes \
        --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command packaging/lock.sh \
        --output-file "$output" "$@" >/dev/null
}

build_requirements() {
    python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

mkdir -p requirements
build_requirements | compile build.txt 3.11 - "$@"
for version in 3.11 3.12 3.13; do
    name=py${version/./}
    compile "$name.txt" "$version" pyproject.toml "$@"
    compile "$name-dev.txt" "$version" pyproject.toml --extra dev --constraint "requirements/$name.txt" "$@"
done
