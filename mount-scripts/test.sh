#!/bin/bash
# Runs every check the project has: lint, a release build without warnings, all tests, and a look at what they left.
#
#   test.sh [--filter REGEX] [further options of `swift test`]
#
# Installs the tools that the tests drive (rsync, sftp, dcmtk and others) where they are missing.

set -eu -o pipefail
# shellcheck source=mount-scripts/lib.sh
. "$(dirname -- "$(readlink -f -- "$0")")/lib.sh"

case ${1:-} in -h | --help) usage && exit ;; esac

export MAMMOFS_STRICT=1
SECONDS=0
failed=()
tests=0
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

summary() {
  local took
  took=$(printf '%dm%02ds' $((SECONDS / 60)) $((SECONDS % 60)))
  if [ ${#failed[@]} -gt 0 ]; then
    printf '==> FAILED: %s (%s)\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')" "$took"
    exit 1
  fi
  printf '==> PASSED: lint, release build, %s tests, nothing left behind (%s)\n' "$tests" "$took"
}

# Runs what must succeed for the rest to make sense.
must() {
  local what=$1 && shift
  "$@" || { failed+=("$what") && summary; }
}

# Does the package do what MAMMOFS_STRICT asks of it? A misspelt setting would pass unseen.
warnings_are_errors() {
  case $(cd "$PROJECT" && "$SWIFT" package dump-package) in
    *'"treatAllWarnings"'*) ;;
    *) warn "Package.swift does not turn warnings into errors when MAMMOFS_STRICT is 1" && return 1 ;;
  esac
}

# `swift test`, shown as it comes and kept in a file. A server that a test left behind holds the pipe open: that must
# end in a report, not in a wait without end.
run_tests() {
  local status=0 tee tries=0
  mkfifo -- "$scratch/pipe"
  tee -- "$scratch/tests" <"$scratch/pipe" &
  tee=$!
  (cd "$PROJECT" && exec "$SWIFT" test --skip-build "$@") >"$scratch/pipe" 2>&1 || status=$?
  while kill -0 "$tee" 2>/dev/null && [ $((tries += 1)) -le 10 ]; do
    sleep 0.5
  done
  kill "$tee" 2>/dev/null || true
  tests=$(grep -aoE '(Test run with|Executed) [0-9]+ test' "$scratch/tests" |
    grep -oE '[0-9]+' | sort -n | tail -n 1) || tests=0
  return "$status"
}

install_missing "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
find_swift
check_fuse || warn "the tests of the mounted binary will be skipped"

step "Linting"
(cd "$PROJECT" && "$SWIFT" format lint --strict --parallel --recursive \
  Sources Tests Package.swift Benchmarks/Sources Benchmarks/Package.swift Fuzzing/Sources/fuzz Fuzzing/Package.swift) || failed+=(lint)

(cd "$PROJECT" && shellcheck -x mount-scripts/*.sh mount-scripts/mount.mammofs Benchmarks/run Benchmarks/stage.sh \
  Fuzzing/run .ci/run) || failed+=(shellcheck)

step "Building for release, warnings as errors"
must "release build" warnings_are_errors
must "release build" build_release
MAMMOFS_BINARY=$(release_binary)
export MAMMOFS_BINARY

step "Building the tests"
must "build of the tests" env -C "$PROJECT" "$SWIFT" build --build-tests

step "Testing $MAMMOFS_BINARY"
note_present
run_tests "$@" || failed+=(tests)
[ "$tests" -gt 0 ] || { warn "no test has run" && failed+=("no tests"); }
grep -a '^✘ Test .* failed' "$scratch/tests" || true

step "Looking for what the tests left behind"
left_over || failed+=("left-over mount or process")

summary
