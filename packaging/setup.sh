# shellcheck shell=sh
# The set-up that ./start and ./test share: Python, system packages, virtual environment, locked packages.
# To be sourced with root= set to the folder of the clone. All it says goes to standard error.
# shellcheck disable=SC2154  # root is the caller's

say() { printf '%s\n' "$*" >&2; }
stop() { say "$@"; exit 1; }

# Runs a command quietly; shows its output only when it fails.
quietly() {
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then rm -f "$log"; return 0; fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() {
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if fits "$python"; then return; fi
    done
    say "Desktop Voice needs Python 3.11, 3.12 or 3.13, and none was found. Install one and start again:"
    case $(uname) in
        Darwin) stop "    brew install python@3.13" ;;
        *) stop "    sudo apt-get install python3 python3-venv        (or your distribution's own way)" ;;
    esac
}

is_there() { # lib:NAME, program:NAME or file:PATTERN
    name=${1#*:}
    case $1 in
        lib:*) case $libraries in *"$name"*) return 0 ;; *) return 1 ;; esac ;;
        program:*) command -v "$name" >/dev/null ;;
        file:*) for path in $name; do [ -e "$path" ] && return 0; done; return 1 ;;
    esac
}

missing_packages() { # the kinds wanted: app, test
    PATH=$PATH:/usr/sbin:/sbin
    libraries=$(ldconfig -p 2>/dev/null || true)
    while read -r kind thing package; do
        case " $* " in *" $kind "*) is_there "$thing" || printf '%s ' "$package" ;; esac
    done <"$root/packaging/system-packages.txt"
    if [ ! -x "$root/.venv/bin/python" ] && ! "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

# Installs what is missing where it may; otherwise says what to type and goes on with what works.
install_system_packages() {
    [ "$(uname)" = Linux ] || return 0
    packages=$(missing_packages "$@" | xargs)
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "! Not found on this system (Debian's names): $packages"
        say "  Install them with your package manager if the app has no sound or no window."
        return 0
    fi
    install="apt-get install -y --no-install-recommends $packages"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        say "! Some system packages are missing, and installing them needs the administrator. Type:"
        if command -v sudo >/dev/null; then
            say "    sudo apt-get update && sudo $install"
        else
            say "    su -c \"apt-get update && $install\""
        fi
        return 0
    fi
    say "- installing system packages: $packages"
    # shellcheck disable=SC2086  # as_root is empty or two words
    quietly $as_root apt-get update || say "! The package lists could not be renewed; going on with the old ones."
    # shellcheck disable=SC2086  # the words are options and package names
    quietly $as_root env DEBIAN_FRONTEND=noninteractive $install ||
        say "! Some system packages could not be installed; going on with what works."
}

make_environment() {
    venv=$root/.venv
    if fits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    "$python" -c 'import ensurepip' 2>/dev/null ||
        stop "! $python cannot make a virtual environment without the package named above. Install it, then run this again."
    say "- making the virtual environment with $("$python" --version)"
    quietly "$python" -m venv --clear "$venv" ||
        stop "! The virtual environment could not be made in $venv: see the lines above."
}

install_locked() { # the suffix of the lock file: "" or "-dev"
    lock=$root/requirements/$("$venv/bin/python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')$1.txt
    stamp=$venv/installed$1
    state="$(cat "$root/requirements/build.txt" "$lock" "$root/pyproject.toml" | cksum) $root"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then return; fi
    say "- installing the locked packages (the first time this downloads about 250 MB)"
    pip_install --require-hashes -r "$root/requirements/build.txt"
    pip_install --require-hashes -r "$lock"
    pip_install --no-deps --editable "$root"
    printf '%s\n' "$state" >"$stamp"
}

pip_install() {
    quietly "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet \
        --no-build-isolation --use-pep517 "$@" ||
        stop "! The packages could not be installed: see the lines above. Check the network, then run this again."
}
