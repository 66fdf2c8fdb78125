#!/usr/bin/env bash
# Proves the two commands of the README on a bare Debian: only git, Python and certificates, in a chroot.
#
#   sudo packaging/prove-bare-system.sh [--suite bookworm] [--keep] [pytest arguments ...]
#
# As root: ./start sets up and runs, ./start again changes nothing, ./test passes. As a user without sudo:
# ./start names the line to type, that line is run as root, ./start then runs, and ./test passes with what there
# is. What is proved is the last commit, not the work tree. The arguments go to ./test; "-" leaves ./test out.
# Needs root, debootstrap and git. Everything runs in a mount and process namespace of its own, so no mount
# and no process can stay behind. The package sources, certificates, proxies and pip settings of this
# machine are passed on, so that it also works behind a mirror.
set -euo pipefail

if [ "${BARE_SYSTEM_NAMESPACE:-}" != yes ]; then
    [ "$(id -u)" = 0 ] || { echo "prove-bare-system.sh needs root (for chroot)" >&2; exit 1; }
    command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
    BARE_SYSTEM_NAMESPACE=yes exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi

suite=bookworm keep=no
while [ $# -gt 0 ]; do
    case $1 in
        --suite) suite=$2; shift 2 ;;
        --keep) keep=yes; shift ;;
        *) break ;;
    esac
done
repository=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
base=$work/base

clean_up() {
    if [ "$keep" = yes ]; then echo "kept: $work"; return; fi
    umount "$work"/*/proc "$work"/*/dev/shm "$work"/*/dev/pts 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# shellcheck source=/dev/null
. /etc/os-release
mirror=
if [ "$ID" = debian ]; then
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] *)?([^ ]+).*/\2/p' | head -n 1 || true)
fi

bare_system() { # makes $base: the bare system and this machine's way to the packages
    debootstrap --variant=minbase --include=git,python3,ca-certificates "$suite" "$base" ${mirror:+"$mirror"} >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log" >&2; exit 1; }
    cp /etc/resolv.conf "$base/etc/resolv.conf"
    if [ "${VERSION_CODENAME:-}" = "$suite" ]; then
        rm -f "$base/etc/apt/sources.list"
        cp -r /etc/apt/sources.list "$base/etc/apt/" 2>/dev/null || true
        cp /etc/apt/sources.list.d/*.{list,sources} "$base/etc/apt/sources.list.d/" 2>/dev/null || true
    fi
    grep -lE '^ *Acquire' /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null |
        xargs -r cp -t "$base/etc/apt/apt.conf.d/" || true
    cp -L /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
    cp /etc/pip.conf "$base/etc/pip.conf" 2>/dev/null || true
    chroot "$base" useradd --create-home --shell /bin/sh tester
}

system=
fresh_system() { # name: a fresh copy with a fresh clone in /home/tester/desktop-voice; sets $system
    system=$work/$1
    cp -a --reflink=auto "$base" "$system"
    mount -t proc proc "$system/proc"
    mkdir -p "$system/dev/shm" "$system/dev/pts"
    mount -t tmpfs tmpfs "$system/dev/shm"
    mount -t devpts devpts "$system/dev/pts" -o newinstance,ptmxmode=0666
    git clone --quiet --no-hardlinks "$repository" "$system/home/tester/desktop-voice"
    if [ -d "$repository/../shared/testdata" ]; then
        mkdir -p "$system/home/tester/shared"
        cp -r "$repository/../shared/testdata" "$system/home/tester/shared/"
    fi
}

inside() { # user, command line: runs it in the clone, in $system, with a clean environment
    local user=$1 home=/root passed=()
    shift
    while IFS= read -r -d '' variable; do passed+=("$variable"); done < <(
        env -0 | grep -zE '^(PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|DEFAULT_TIMEOUT)|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)='
    )
    if [ "$user" = root ]; then chown -R root: "$system/home/tester/desktop-voice"; else
        home=/home/tester
        chown -R --no-dereference "$(stat -c %u:%g "$system/home/tester")" "$system/home/tester/desktop-voice"
    fi
    chroot --userspec="$user:$user" "$system" /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" "${passed[@]}" \
        /bin/sh -c "cd /home/tester/desktop-voice && $*" </dev/null
}

failed=0
step() { # title, command ...: shows the output indented, then PASS or FAIL with the seconds taken
    local title=$1 began=$SECONDS verdict=PASS
    shift
    echo "== $title"
    "$@" 2>&1 | tee "$work/output" | sed 's/^/   /' || { verdict=FAIL; failed=1; }
    echo "$verdict ($((SECONDS - began)) s): $title"
}

named_line() { sed -nE 's/^    (su -c "(.*)"|sudo .*)$/\2/p' "$work/output" | head -n 1; }

step "a bare $suite: git, Python, certificates" bare_system

fresh_system root
step "root: ./start sets everything up and runs" inside root ./start
step "root: ./start again" inside root ./start
if [ "${1:-}" != - ]; then step "root: ./test $*" inside root ./test "$@"; fi
step "root: what the commands wrote is ignored by git" inside root 'git status --porcelain | { ! grep .; }'

fresh_system user
echo "== user without sudo: ./start names what is missing and stops"
if inside tester ./start >"$work/output" 2>&1; then echo "FAIL: it went on without a virtual environment"; failed=1; fi
sed 's/^/   /' "$work/output"
line=$(named_line)
if [ -z "$line" ]; then echo "FAIL: no line to type was named"; failed=1; else echo "PASS: the line was named"; fi
step "root types that line" inside root "{ $line; } >/tmp/log 2>&1 || { cat /tmp/log; false; }"
step "user: ./start sets everything up and runs" inside tester ./start
if [ "${1:-}" != - ]; then
    step "user: ./test $* (no X server and no sound server: those tests are skipped)" inside tester ./test "$@"
fi

if [ "$failed" = 0 ]; then echo "ALL PASSED on $suite"; else echo "SOMETHING FAILED on $suite"; exit 1; fi
