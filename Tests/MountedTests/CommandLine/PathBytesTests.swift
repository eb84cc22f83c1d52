import Testing

/// Paths are bytes, and the program's strings are not.
@Suite("A path on the command line", .mounting, .timeLimit(.minutes(15)))
struct PathBytesTests {
  @Test("is not taken for another that shows the same")
  func looksTheSame() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        one=$'caf\u00e9' two=$'cafe\u0301'
        "$B" mount "$one" --root "$one-root"
        "$B" mount "$two" --root "$two-root"
        mkdir -p "$two/images/user-7/2026/11"
        touch "$two/images/user-7/2026/11/a.dcm"
        "$B" stats "$one" | grep -q 'in 0 files'
        "$B" verify "$two/images/user-7" | grep -q '1 file '
        "$B" unmount "$two"
        test -e "$one/.stats"
        fails test -e "$two/.stats"
        "$B" stats "$two-root" | grep -q 'in 1 file'
        "$B" unmount "$one"
        """#)
    }
  }

  @Test("is taken apart at each slash, whatever comes next")
  func markBehindSlash() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        mark=$'\u0301'
        mkdir "$mark" "$mark/store"
        "$B" mount "$D/$mark/../mnt" --root "$D/$mark/store"
        test -e "$M/.stats"
        "$B" unmount "$M"
        fails "$B" mount "$D/$mark/store/new" --root "$D/$mark/store" 2> said
        grep -q 'choose another place' said
        """#)
    }
  }

  @Test("that is not UTF-8, or leads to what is not, is refused")
  func notUTF8() throws {
    try withoutMount { m in
      try m.sh(
        #"""
        bad=$'na\xefve'
        mkdir "$bad" "$bad/in" $'na\ufffdve' mine
        ln -s "$bad" link
        says() {
          status=0
          "$@" 2> said || status=$?
          cat said
          test "$status" = "${EXPECTED:-1}"
          test "$(wc -l < said)" = 1
          grep -q 'not UTF-8' said
        }
        for path in "$bad" "$D/$bad" link link/in; do
          says "$B" mount "$path" --root root
          says "$B" mount mine --root "$path"
          says "$B" stats "$path"
          EXPECTED=2 says "$B" verify "$path"
          says "$B" unmount "$path"
        done
        says "$B" upload "$bad" mine --to images/user-7/2026/11/a
        STORAGE_ROOT="$D/$bad" says "$B" mount mine
        cd "$bad"
        says "$B" mount "in" --root "$D/root"
        cd ..
        test -z "$(ls "$bad/in" mine $'na\ufffdve' | grep -v :)"
        """#)
    }
  }
}
