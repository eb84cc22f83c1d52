#!/bin/bash
# Lets each call of the server to its disk fail in turn, and looks at what clients see and at what is left.
#
#   disk-errors.sh [--only SCENE] [--every N] [--seed N] [--verbose]
#
#   --only SCENE  Copy, Move, Upload, …: what clients do meanwhile; may be repeated
#   --every N     only every Nth call; all of them take some ten minutes
#   --seed N      with which of the first N calls --every begins; said at the start of a run
#   --verbose     a line for each fault
#
# Needs root and a C compiler, clang of the Swift toolchain or any other. MAMMOFS_BINARY in the environment is tested
# instead of a fresh release build. See docs/reliability.md.

set -eu -o pipefail
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

case ${1:-} in -h | --help) usage && exit ;; esac
install_missing "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
test_binary
exec python3 "$PROJECT/Tests/DiskErrors/disk_errors.py" "$@"
