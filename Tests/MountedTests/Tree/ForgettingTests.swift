import Testing

/// The kernel forgets what it knows of the tree when it needs the memory.
@Suite("What the kernel forgets", .mounting, .serialized, .timeLimit(.minutes(15)))
struct ForgettingTests {
  @Test("is found again, by whoever is at work in the tree meanwhile")
  func droppedCaches() throws {
    try withMount { m in
      // Dentries and inodes; it costs others nothing but speed.
      try m.sh(
        #"""
        (while test ! -e "$D/done"; do echo 2 > /proc/sys/vm/drop_caches; done) &
        trap 'touch "$D/done"; wait' EXIT
        head -c 5000 /dev/urandom > "$D/c"
        for k in $(seq 25); do
          session=$M/temp/uploads/s$k image=images/user-$k/2026/11/a.dcm folder=$M/temp/processing/x$k/y
          mkdir "$session"
          for i in 0 1 2; do cp "$D/c" "$session/chunk_$i"; done
          echo "$image" > "$session/.complete"
          cat "$D/c" "$D/c" "$D/c" | cmp - "$M/$image"
          cmp "$M/$image" "$R/$image"
          grep -q "$image" "$session/.complete"
          rm -r "$session"
          mkdir -p "$folder"
          echo a > "$folder/z"
          touch -d '2020-01-01' "$folder/z"
          (cd "$folder"; test "$(cat z)" = a; mv z zz; rm zz)
          rm -r "$M/temp/processing/x$k"
        done
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
