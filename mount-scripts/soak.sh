#!/bin/bash
# Has many work in a mount of its own while its server is killed and replaced, and looks at what is left.
#
#   soak.sh [--minutes N] [--seed N] [--on DIR]
#
#   --minutes N  60 where nothing else is said
#   --seed N     what the clients do, and when the server goes; said at the end
#   --on DIR     where the storage root and the mount point are made; the folder for temporary files where nothing is said
#
# MAMMOFS_BINARY in the environment is tested instead of a fresh release build. See docs/reliability.md.

set -eu -o pipefail
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

minutes=60
on=${TMPDIR:-/tmp}
seed=()
while [ $# -gt 0 ]; do
  case $1 in -h | --help) usage && exit ;; esac
  [ $# -ge 2 ] || die 64 "$1 needs a value"
  case $1 in
    --minutes) minutes=$2 ;;
    --seed) seed=(--seed "$2") ;;
    --on) on=$(absolute "$2") ;;
    *) die 64 "unknown option $1" ;;
  esac
  shift 2
done
install_missing "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
test_binary

folder=$(mktemp -d -- "$on/mammofs-soak.XXXXXX")
clear_away() {
  trap - EXIT
  "$MAMMOFS_BINARY" unmount "$folder/mnt" >/dev/null 2>&1 || umount -l "$folder/mnt" 2>/dev/null || true
  rm -rf -- "$folder"
}
trap clear_away EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$MAMMOFS_BINARY" mount "$folder/mnt" --root "$folder/root"
python3 "$PROJECT/Tests/Soak/soak.py" --mount "$folder/mnt" --root "$folder/root" --minutes "$minutes" "${seed[@]}"
