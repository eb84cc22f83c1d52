#!/bin/bash
# Unmounts, and returns when everything is on disk and the server has gone.
#
#   unmount.sh [MOUNTPOINT]
#
# MOUNTPOINT is ./mnt in the project's folder where nothing else is said.

set -eu
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

case ${1:-} in
  -h | --help) usage && exit ;;
  -*) die 64 "unknown option $1" ;;
esac
[ $# -le 1 ] || die 64 "one mount point at a time"
mountpoint=${1:+$(absolute "$1")}
mountpoint=${mountpoint:-$PROJECT/mnt}

mammofs=$(built_binary) || die "no mammofs binary found: build one with $(shown "$PROJECT/mount-scripts/mount.sh")"
step "Unmounting $(shown "$mountpoint")"
cd /
"$mammofs" unmount "$mountpoint"
step "Unmounted"
