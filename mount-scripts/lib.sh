# shellcheck shell=bash
# What the scripts of this project share: where the project is, what it needs, how it is built, and what a run of the
# tests must not leave behind. Sourced, never run.

PROJECT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
CALLER=$(pwd -P)
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin # mkfs.ext4 is not on a user's PATH
SWIFT=

# Debian's names. `brings` knows what each of them is needed for.
# shellcheck disable=SC2034 # read by those who source this
BUILD_PACKAGES=(ca-certificates git pkg-config libfuse3-dev fuse3)
# shellcheck disable=SC2034
TEST_PACKAGES=(attr acl coreutils dcmtk e2fsprogs openssh-client openssh-sftp-server procps python3
  rsync shellcheck strace util-linux xfsprogs)

step() { printf '==> %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die [STATUS] MESSAGE
die() {
  local status=1
  case $1 in [0-9]*) status=$1 && shift ;; esac
  warn "$@"
  exit "$status"
}

# The comment at the head of the calling script.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# PATH made absolute without touching what is there: a dead mount answers every stat with an error.
absolute() { realpath -ms -- "$1"; }

# PATH as the caller would type it, quoted for a shell.
shown() {
  case $1 in
    "$CALLER"/*) printf '%q' "${1#"$CALLER"/}" ;;
    *) printf '%q' "$1" ;;
  esac
}

# Runs a command in silence; shows what it printed if it failed.
quietly() {
  local output status=0
  output=$("$@" 2>&1) || status=$?
  [ "$status" -eq 0 ] || printf '%s\n' "$output" >&2
  return "$status"
}

# MARK: What must be installed

# Is here what the package is needed for, however it came?
brings() {
  case $1 in
    ca-certificates) [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] ;;
    libfuse3-dev) pkg-config --exists 'fuse3 >= 3.14' 2>/dev/null ;;
    openssh-sftp-server) [ -x /usr/lib/openssh/sftp-server ] || [ -x /usr/libexec/openssh/sftp-server ] ;;
    acl) runs setfacl ;;
    attr) runs setfattr ;;
    coreutils) runs split ;;
    dcmtk) runs storescu ;;
    e2fsprogs) runs mkfs.ext4 ;;
    fuse3) runs fusermount3 ;;
    openssh-client) runs sftp ;;
    procps) runs pgrep ;;
    util-linux) runs findmnt ;;
    xfsprogs) runs mkfs.xfs ;;
    *) runs "$1" ;;
  esac
}

runs() { command -v "$1" >/dev/null; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Installs those of the packages that are missing, and calls apt-get only then.
install_missing() {
  local package missing=()
  for package; do
    brings "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  runs apt-get ||
    die "missing: ${missing[*]} (Debian's names). Install them with this system's package manager, then run this again"
  [ "$(id -u)" -eq 0 ] || runs sudo ||
    die "missing: ${missing[*]}. As root: apt-get install ${missing[*]}"

  step "Installing ${missing[*]}"
  quietly as_root apt-get -q update </dev/null || warn "apt-get update failed, going on with the package lists at hand"
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 \
    install -y --no-install-recommends "${missing[@]}" </dev/null || die "apt-get could not install ${missing[*]}"
  for package in "${missing[@]}"; do
    brings "$package" || die "$package is installed, but what it should bring is not here or is too old"
  done
}

# Sets SWIFT to a toolchain that can build the package, and puts it on PATH.
find_swift() {
  local needed candidate found=
  needed=$(sed -n '1s/^.*swift-tools-version: *\([0-9.]*\).*/\1/p' "$PROJECT/Package.swift")
  for candidate in \
    "$(command -v swift || true)" \
    /opt/swift/usr/bin/swift \
    /usr/local/swift/usr/bin/swift \
    ${SWIFTLY_BIN_DIR:+"$SWIFTLY_BIN_DIR/swift"} \
    ${HOME:+"$HOME/.local/share/swiftly/bin/swift"} \
    ${HOME:+"$HOME/.swiftly/bin/swift"}; do
    [ -x "$candidate" ] || continue
    # OpenStack's client is called swift, too.
    found=$(cd / && "$candidate" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
    [ -n "$found" ] || continue
    if [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" = "$needed" ]; then
      SWIFT=$candidate
      PATH=$(dirname -- "$candidate"):$PATH
      export PATH
      forget_other_builds
      step "Using Swift $found ($SWIFT)"
      return 0
    fi
  done
  if [ -n "$found" ]; then
    die "Swift $found is here, but this project needs $needed or newer: see https://www.swift.org/install/linux/"
  fi
  die "no Swift toolchain found. Get Swift $needed or newer from https://www.swift.org/install/linux/ and run this again" \
    "(looked on PATH, in /opt/swift, /usr/local/swift and where swiftly installs)"
}

# Can this machine mount? Says what is in the way otherwise.
check_fuse() {
  [ -c /dev/fuse ] || quietly as_root modprobe fuse || true
  if [ ! -c /dev/fuse ]; then
    warn "there is no /dev/fuse. In a container: docker run --device /dev/fuse --cap-add SYS_ADMIN …"
    return 1
  fi
  if ! (: <>/dev/fuse) 2>/dev/null; then
    warn "/dev/fuse cannot be opened: run this as root, or let this user in (Debian's udev rule gives it mode 0666)"
    return 1
  fi
}

# MARK: The binary

RELEASE_FLAGS=(-c release --static-swift-stdlib --product mammofs)

# What the compiler keeps names absolute paths: in a checkout that was moved or copied it fails with errors about its
# module cache. So what was built elsewhere is thrown away; the packages that were fetched stay.
forget_other_builds() {
  local plan
  for plan in "$PROJECT"/.build/*.yaml; do
    [ -e "$plan" ] || continue
    grep -qF "\"$PROJECT/.build/" "$plan" && continue
    step "This checkout was built in another folder: building anew"
    find "$PROJECT/.build" -mindepth 1 -maxdepth 1 ! -name repositories ! -name checkouts ! -name artifacts \
      ! -name workspace-state.json -exec rm -rf -- {} +
    return
  done
}

# With MAMMOFS_STRICT=1 in the environment the package turns its warnings into errors.
build_release() { (cd "$PROJECT" && "$SWIFT" build "${RELEASE_FLAGS[@]}"); }

# Prints where build_release put it.
release_binary() {
  (cd "$PROJECT" && printf '%s/mammofs\n' "$("$SWIFT" build "${RELEASE_FLAGS[@]}" --show-bin-path)")
}

# Sets MAMMOFS_BINARY to the binary that is to be tested: the one that is named there already, or a fresh release build.
test_binary() {
  find_swift
  if [ -z "${MAMMOFS_BINARY:-}" ]; then
    build_release
    MAMMOFS_BINARY=$(release_binary)
  fi
  export MAMMOFS_BINARY
}

# Prints a binary that is already here, for what must not wait for a build.
built_binary() {
  local candidate
  for candidate in ${MAMMOFS:+"$MAMMOFS"} "$PROJECT/.build/release/mammofs" "$(command -v mammofs || true)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      absolute "$candidate"
      return 0
    fi
  done
  return 1
}

# MARK: Mounts

# Is there a mount of ours at the absolute PATH, dead or alive? Asks the kernel's table, never the mount.
is_mounted() { findmnt -rn -t fuse.mammofs --mountpoint "$1" >/dev/null 2>&1; }

# Does it answer?
is_live() { is_mounted "$1" && timeout 10 cat -- "$1/.stats" >/dev/null 2>&1; }

# One line per mammofs mount and per process that runs a mammofs binary, wherever it was copied to.
present() {
  findmnt -rn -t fuse.mammofs -o ID,TARGET,SOURCE | sed 's/^ */mount /' || true
  local process executable
  for process in /proc/[0-9]*; do
    executable=$(readlink -- "$process/exe" 2>/dev/null) || continue
    case $executable in
      */mammofs | */mammofs' (deleted)')
        printf 'process %s %s\n' "${process#/proc/}" "$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)"
        ;;
    esac
  done
}

# Remembers what was here before.
note_present() { PRESENT_BEFORE=$(present); }

# Prints what has come since and is still here, a line each, after giving servers a moment to go. Fails if there is any.
left_over() {
  local line left attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    left=
    while IFS= read -r line; do
      case $'\n'$PRESENT_BEFORE$'\n' in
        *$'\n'"$line"$'\n'*) ;;
        *) left+=${line:+$line$'\n'} ;;
      esac
    done <<<"$(present)"
    [ -n "$left" ] || return 0
    [ "$attempt" -eq 10 ] || sleep 1
  done
  printf '%s' "$left"
  return 1
}
