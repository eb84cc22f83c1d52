#!/bin/bash
# Builds mammofs and mounts a storage root, from a fresh clone if need be.
#
#   mount.sh [MOUNTPOINT] [--root DIR] [further options of `mammofs mount`]
#
# MOUNTPOINT is ./mnt and the storage root ./storage in the project's folder where nothing else is said. The storage
# root comes from --root, else from STORAGE_ROOT in the environment, else from .env in the project's folder.

set -eu
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

mountpoint=$PROJECT/mnt
root=${STORAGE_ROOT:+$(absolute "$STORAGE_ROOT")}
foreground=
options=()

case ${1:-} in
  '' | -*) ;;
  *) mountpoint=$(absolute "$1") && shift ;;
esac
given=$#
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit ;;
    --root)
      [ $# -ge 2 ] || die 64 "--root needs a folder"
      root=$(absolute "$2")
      shift
      ;;
    --root=*) root=$(absolute "${1#--root=}") ;;
    -o | --temp-max-age | --cleanup-interval | --session-linger | --min-free | --watchdog | --scrub-interval | --scrub-rate)
      [ $# -ge 2 ] || die 64 "$1 needs a value"
      options+=("$1" "$2")
      shift
      ;;
    -*)
      [ "$1" != --foreground ] || foreground=yes
      options+=("$1")
      ;;
    *) die 64 "one mount point, but there is also: $1" ;;
  esac
  shift
done

# make_parents UMASK PATH makes the folders that lead to PATH, and puts those that were missing into `made`, deepest first.
make_parents() {
  local folder missing=()
  folder=$(dirname -- "$2")
  while [ ! -e "$folder" ]; do
    missing+=("$folder")
    folder=$(dirname -- "$folder")
  done
  made=(${missing[@]+"${missing[@]}"} ${made[@]+"${made[@]}"})
  (umask "$1" && mkdir -p -- "$(dirname -- "$2")")
}

what_to_try() {
  local at unmount
  at=$(shown "$mountpoint")
  unmount=$(shown "$PROJECT/mount-scripts/unmount.sh")
  [ "$mountpoint" = "$PROJECT/mnt" ] || unmount+=" $at"
  cat <<TRY

Try next, with any DICOM file of yours as scan.dcm:

  mkdir -p $at/images/user-7/\$(date +%Y/%m)
  cp scan.dcm $at/images/user-7/\$(date +%Y/%m)/
  cat $at/.stats
  mkdir $at/temp/uploads/demo && split -b 1M scan.dcm $at/temp/uploads/demo/chunk_ && echo "images/user-7/\$(date +%Y/%m)/scan-2.dcm" > $at/temp/uploads/demo/.complete
  $unmount

When something is refused, cat $at/.errors says why.
TRY
}

if is_live "$mountpoint"; then
  step "Already mounted: $(findmnt -n -t fuse.mammofs -o SOURCE --mountpoint "$mountpoint") at $(shown "$mountpoint")"
  [ "$given" -eq 0 ] || step "It keeps the settings it was mounted with: unmount it first to change them"
  what_to_try
  exit
fi

install_missing "${BUILD_PACKAGES[@]}"
check_fuse || exit 1
find_swift

step "Building (the first time takes a few minutes)"
if [ -t 1 ]; then
  build_release
else
  quietly build_release
fi
mammofs=$(release_binary)

# The binary reads .env itself, from its working directory.
if [ -z "$root" ] && ! grep -qsE '^[[:space:]]*(export[[:space:]]+)?STORAGE_ROOT=' "$PROJECT/.env"; then
  root=$PROJECT/storage
fi
# The folders themselves are made by `mammofs mount`, which takes them away again where it is refused.
made=()
trap '[ ${#made[@]} -eq 0 ] || rmdir -- "${made[@]}" 2>/dev/null || true' EXIT
make_parents 0022 "$mountpoint"
if [ -n "$root" ]; then
  make_parents 0027 "$root"
  options=(--root "$root" ${options[@]+"${options[@]}"})
fi

step "Mounting ${root:-the storage root of .env} at $(shown "$mountpoint")"
cd "$PROJECT"
if [ -n "$foreground" ]; then
  what_to_try
  exec "$mammofs" mount "$mountpoint" "${options[@]}" # which has at least --foreground
fi
"$mammofs" mount "$mountpoint" ${options[@]+"${options[@]}"}
trap - EXIT
step "Mounted"
what_to_try
