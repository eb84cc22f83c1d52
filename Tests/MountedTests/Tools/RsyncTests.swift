import Testing

@Suite("rsync", .mounting, .needs("rsync"), .timeLimit(.minutes(10)))
struct RsyncTests {
  private static let files = Prerequisites.isLong ? 2_000 : 300

  @Test("rsync -a, run twice, transfers nothing the second time", arguments: ["images", "temp/processing"])
  func twice(place: String) throws {
    try withMount { m in
      try m.sh(
        #"""
        for i in $(seq $N); do
          folder=in/user-$((i % 3))/2026/$(printf %02d $((i % 12 + 1)))
          mkdir -p "$folder"
          head -c $((i * 37 % 9000)) /dev/urandom > "$folder/image $i.dcm"
        done
        chmod 0750 $(find in -type d)
        find in -name '*1.dcm' -exec touch -d '2020-02-03 04:05:06.789' {} +
        find in -name '*2.dcm' -exec chmod 0600 {} +
        rsync -a in/ "$M/$P/"
        rsync -a --itemize-changes --stats in/ "$M/$P/" > second
        fails grep -E '^[<>ch.*][fdL]' second
        grep -q 'Number of regular files transferred: 0' second
        rsync -a --checksum --itemize-changes in/ "$M/$P/" > third
        fails grep -E '^[<>]f' third
        diff -r in "$M/$P"
        diff -r in "$R/$P"
        test "$(find "$M/$P" -type f | wc -l)" = "$N"
        """#, ["N": "\(Self.files)", "P": place], seconds: 400)
      try m.expectStatsAsWalked()
    }
  }

  @Test("What wants folders in month folders copies nothing there, as the README says, and harms nothing")
  func folders() throws {
    try withMount { m in
      try m.month()
      try m.sh(
        #"""
        echo x > a.dcm
        month="$M/images/user-7/2026/11"
        rsync -a --delay-updates a.dcm "$month/" 2> said || true
        test -s said
        test -z "$(ls -A "$month")"
        rsync -a --partial-dir=.part a.dcm "$month/"
        cmp a.dcm "$month/a.dcm"
        rsync -a --exclude=/.stats --exclude=/.errors "$M/" out/
        tar -C "$M" --exclude=./.stats --exclude=./.errors -cf out.tar .
        test "$(ls -A out | xargs)" = "images temp thumbnails"
        fails grep -q '\.stats' <(tar -tf out.tar)
        rsync -a out/ "$M/"
        """#)
    }
  }

  @Test("rsync updates, deletes, appends and writes in place")
  func updates() throws {
    try withMount { m in
      try m.sh(
        #"""
        mkdir -p in/user-7/2026/11
        for i in 1 2 3; do head -c 100000 /dev/urandom > in/user-7/2026/11/$i.dcm; done
        rsync -a in/ "$M/images/"
        echo more >> in/user-7/2026/11/1.dcm
        rm in/user-7/2026/11/2.dcm
        rsync -a --delete in/ "$M/images/"
        diff -r in "$M/images"
        echo again >> in/user-7/2026/11/1.dcm
        rsync -a --inplace in/ "$M/images/"
        diff -r in "$M/images"
        echo appended >> in/user-7/2026/11/3.dcm
        rsync -a --append-verify in/ "$M/images/"
        rsync -a --partial --delay-updates in/ "$M/temp/processing/"
        diff -r in "$M/images"
        diff -r in "$M/temp/processing"
        rsync -a "$M/images/" out/
        diff -r in out
        rsync -aX --no-owner in/ "$M/images/"
        test -z "$(find "$M/images" -name '.*' -type f)"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("rsync --remove-source-files takes files out")
  func takesOut() throws {
    try withMount { m in
      let month = try m.month()
      try m.sh(
        """
        for i in 1 2 3; do echo $i > "$M/\(month)/$i.dcm"; done
        rsync -a --remove-source-files "$M/\(month)/" out/
        test "$(cat out/*)" = "$(printf '1\\n2\\n3')"
        test -z "$(ls "$M/\(month)")"
        """)
      try m.expectStatsAsWalked()
    }
  }
}
