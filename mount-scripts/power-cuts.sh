#!/bin/bash
# Cuts the power of a disk under load, again and again, and looks at what is left each time.
#
#   power-cuts.sh [--count N] [--fs ext4|xfs] [--seed N] [--keep DIR]
#
#   --count N   cuts for each file system; 200 where nothing else is said, which takes some ten minutes each
#   --fs NAME   only this file system; may be repeated
#   --seed N    what the load does, and when it is cut; said at the start of a run
#   --keep DIR  the disks on which something was found, as they were right after the cut
#
# Needs root, and some GiB in memory or in the folder for temporary files. MAMMOFS_BINARY in the environment is tested
# instead of a fresh release build. See docs/reliability.md.

set -eu -o pipefail
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

case ${1:-} in -h | --help) usage && exit ;; esac
install_missing "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
test_binary
exec python3 "$PROJECT/Tests/PowerCuts/power_cuts.py" "$@"
