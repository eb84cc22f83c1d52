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
    *)
      [ "$1" != --foreground ] || foreground=yes
      options+=("$1")
      ;;
  esac
  shift
done

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
if [ -n "$root" ]; then
  (umask 0027 && mkdir -p -- "$root")
  options=(--root "$root" ${options[@]+"${options[@]}"})
fi
# A dead mount cannot be made again, and need not be: `mammofs mount` clears it.
is_mounted "$mountpoint" || mkdir -p -- "$mountpoint"

step "Mounting ${root:-the storage root of .env} at $(shown "$mountpoint")"
cd "$PROJECT"
if [ -n "$foreground" ]; then
  what_to_try
  exec "$mammofs" mount "$mountpoint" "${options[@]}"
fi
"$mammofs" mount "$mountpoint" ${options[@]+"${options[@]}"}
step "Mounted"
what_to_try
