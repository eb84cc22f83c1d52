# shellcheck shell=bash
# Where `run` measures: a file system of its own with a directory per target, the mounts on them, and the promise that
# nothing of it is left. Sourced after mount-scripts/lib.sh, never run.

# shellcheck disable=SC2034 # read by run
STAGE_PACKAGES=(bindfs coreutils e2fsprogs gocryptfs mergerfs rsync util-linux)

# bindfs and gocryptfs run as they come. mergerfs is told to keep pages cached between opens, which it does not by
# itself and which is what it recommends where nothing but the mount changes files.
MERGERFS_OPTIONS=${MERGERFS_OPTIONS:-cache.files=auto-full,minfreespace=0}

STAGE=
SERVERS=()
CLIENT=

# open_stage DIR GIB: makes STAGE, whose `disk` is on the disk that holds DIR, else an ext4 image of so many GiB in memory.
open_stage() {
  local directory=$1 size=$2 device
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap close_stage EXIT
  if [ -n "$directory" ]; then
    STAGE=$(mktemp -d -- "$directory/mammofs-bench.XXXXXX")
    mkdir -- "$STAGE/disk"
  else
    enough_memory "$size"
    STAGE=$(mktemp -d /dev/shm/mammofs-bench.XXXXXX)
    mkdir -- "$STAGE/disk"
    step "Making an ext4 image of $size GiB in memory"
    # Zeros, not a hole: memory that is touched for the first time is slow on virtual machines.
    dd if=/dev/zero of="$STAGE/image" bs=1M count=$((size * 1024)) status=none
    mkfs.ext4 -q -F -N 2500000 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$STAGE/image"
    device=$(losetup --find --show "$STAGE/image")
    mount -t ext4 "$device" "$STAGE/disk" || { losetup -d "$device" && return 1; }
    # Takes effect when the file system goes, however it goes.
    losetup -d "$device"
  fi
  mkdir -- "$STAGE/disk/work" "$STAGE/mnt"
}

# The image, and as much again for what is cached of it and for the servers.
enough_memory() {
  local free
  free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  [ "$free" -ge $(($1 * 2 * 1048576)) ] ||
    die "$(($1 * 2)) GiB of memory are needed, $((free / 1048576)) are free: use --quick, or --on DIR for a disk"
}

# The file system that everything is on, for the report.
backing() {
  local where
  where=$(findmnt -n -o FSTYPE --target "$STAGE/disk")
  [ -e "$STAGE/image" ] && printf '%s on a loop device in memory' "$where" || printf '%s on a disk' "$where"
}

# Runs a command that a signal to this script ends as well.
on_stage() {
  local status=0
  "$@" &
  CLIENT=$!
  wait "$CLIENT" || status=$?
  CLIENT=
  return "$status"
}

# start NAME COMMAND…: starts a server in the foreground of its own process, and waits until NAME is mounted.
start() {
  local name=$1 attempt
  shift
  mkdir -p -- "$STAGE/mnt/$name"
  "$@" >"$STAGE/$name.log" 2>&1 </dev/null &
  SERVERS+=($!)
  for ((attempt = 0; attempt < 300; attempt++)); do
    ! mountpoint -q -- "$STAGE/mnt/$name" || return 0
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  cat -- "$STAGE/$name.log" >&2
  die "$name does not mount"
}

# mount_all MAMMOFS: this mount and its peers, each on its directory of the disk.
mount_all() {
  local disk=$STAGE/disk mnt=$STAGE/mnt
  step "Mounting mammofs, bindfs, mergerfs, gocryptfs"
  start mammofs "$1" mount --foreground "$mnt/mammofs" --root "$disk/mammofs"
  start bindfs bindfs -f "$disk/bindfs" "$mnt/bindfs"
  start mergerfs mergerfs -f -o "$MERGERFS_OPTIONS" "$disk/mergerfs" "$mnt/mergerfs"
  mkdir -p -- "$disk/gocryptfs"
  echo scratch >"$STAGE/password"
  gocryptfs -q -init -scryptn 10 -passfile "$STAGE/password" "$disk/gocryptfs"
  start gocryptfs gocryptfs -q -fg -passfile "$STAGE/password" "$disk/gocryptfs" "$mnt/gocryptfs"
}

# NAME=VERSION of each peer, a line each.
peer_facts() {
  printf 'bindfs=%s, as root, default options\n' "$(bindfs --version | sed -n 's/^bindfs //p')"
  printf 'mergerfs=%s, -o %s\n' "$(mergerfs --version 2>&1 | sed -n 's/^mergerfs version: //p')" "$MERGERFS_OPTIONS"
  printf 'gocryptfs=%s, default options\n' "$(gocryptfs --version | sed -n 's/^gocryptfs \([^;]*\);.*/\1/p')"
}

# MARK: Clearing it

# Everything that open_stage, mount_all and the cases have made goes: whoever works on the mounts first, then the
# mounts, whose servers end by themselves, then the disk.
close_stage() {
  local status=$? process target
  trap '' INT TERM HUP
  trap - EXIT
  set +e # one thing that is not there must not keep the others from going
  [ -n "$STAGE" ] || exit "$status"
  cd / || exit "$status"
  [ -z "$CLIENT" ] || ask_to_end "$CLIENT"
  for process in $(noted); do ask_to_end "$process"; done
  findmnt -rn -o TARGET | grep -F -- "$STAGE/mnt/" | clear_mounts
  findmnt -rn -o TARGET | grep -F -- "$STAGE/disk/" | clear_mounts
  for process in $CLIENT "${SERVERS[@]}" $(noted); do see_end "$process"; done
  findmnt -rn -o TARGET | grep -xF -- "$STAGE/disk" | clear_mounts
  mountpoint -q -- "$STAGE/disk" || rm -rf --one-file-system -- "$STAGE"
  exit "$status"
}

# What the cases have started: tools, servers of their own.
noted() { cat -- "$STAGE/pids" 2>/dev/null || true; }

# Everything started here names the stage in its arguments. A number alone may belong to somebody else by now.
is_ours() { grep -qsF -- "$STAGE" "/proc/$1/cmdline"; }

ask_to_end() { ! is_ours "$1" || kill -- "$1" 2>/dev/null || true; }

clear_mounts() {
  local target
  while IFS= read -r target; do
    umount -- "$target" 2>/dev/null || umount -l -- "$target" || warn "$target is still mounted"
  done
}

# Waits for the end of a process whose mount has gone, and hastens it if need be.
see_end() {
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    is_ours "$1" || return 0
    [ "$attempt" -ne 50 ] || ask_to_end "$1"
    sleep 0.1
  done
  ! is_ours "$1" || kill -KILL -- "$1" 2>/dev/null || true
}
