#!/bin/sh
# Tests the installation from scratch. Clones the last commit into a minimal Debian with only git, make, python3 and
# python3-venv. There it runs make demo, make test and make demo again, as an ordinary user without a home folder, and
# prints the time of each.
#
#   sudo tools/bare_root.sh ROOT [COMMAND ...]
#
# ROOT is the folder of the minimal Debian. debootstrap makes it if it is missing (BARE_SUITE, default bookworm). It can
# be used again; each call makes a new clone. COMMANDs replace the three above.
#
#   BARE_DATA  a folder of test recordings, mounted read-only and used as AFFEX_TEST_DATA
#   BARE_BIND  files and folders to mount read-only under the same path, separated by blanks
#   BARE_ENV   a file of NAME=value lines for the environment, for example to reach the package index
#              (certificates, PIP_CERT, PIP_INDEX_URL, PIP_FIND_LINKS ...)
#
# The script uses its own mount and process namespaces, so no mount and no process remains after it ends.
set -eu
cd "$(dirname "$0")/.."

bare_root() {
    root=$1
    [ -e "$root/etc/debian_version" ] ||
        debootstrap --variant=minbase --include=git,make,python3,python3-venv "${BARE_SUITE:-bookworm}" "$root"

    rm -rf "$root/srv/affex"
    git -c safe.directory="$PWD" clone --quiet --no-hardlinks "$PWD" "$root/srv/affex"
    grep -q '^newcomer:' "$root/etc/passwd" ||
        chroot "$root" useradd --no-create-home --home-dir /nonexistent newcomer
    chroot "$root" chown -R newcomer: /srv/affex

    exec unshare --mount --pid --fork --kill-child tools/bare_root.sh inside "$@"
}

inside() {
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    for path in ${BARE_BIND:-}; do
        mount_read_only "$path" "$root$path"
    done
    [ -z "${BARE_DATA:-}" ] || mount_read_only "$BARE_DATA" "$root/srv/test_data"

    [ $# -gt 0 ] || set -- 'make demo' 'make test' 'make demo'
    for command in "$@"; do
        printf '\n$ %s\n' "$command"
        start=$(date +%s)
        newcomer "$command"
        printf '[%s: %d s]\n' "$command" $(($(date +%s) - start))
    done
}

# Mount a file or a folder of this machine, read-only, under another path.
mount_read_only() {
    if [ -d "$1" ]; then
        mkdir -p "$2"
    else
        mkdir -p "${2%/*}"
        [ -e "$2" ] || : >"$2"
    fi
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}

# Run a shell command in the clone as the ordinary user, with only the environment set here.
newcomer() {
    chroot --userspec=newcomer: "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
        ${BARE_DATA:+AFFEX_TEST_DATA=/srv/test_data} ${BARE_ENV:+$(grep -v '^#' "$BARE_ENV")} \
        /bin/sh -c "cd /srv/affex && $1"
}

case ${1:-} in
inside)
    shift
    inside "$@"
    ;;
/*)
    bare_root "$@"
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' tools/bare_root.sh
    exit 2
    ;;
esac
