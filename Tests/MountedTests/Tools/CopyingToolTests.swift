import Glibc
import Testing

/// The tools that people copy files with.
@Suite("Tools of the shell", .mounting, .timeLimit(.minutes(15)))
struct CopyingToolTests {
  @Test("dd with direct I/O brings in a file of any length, over one that is there, too")
  func directTail() throws {
    try withMount { m in
      try m.month()
      try Files.write(Bytes.pattern(300_001), to: m.beside("in.dcm"))
      try m.sh(
        """
        for place in images/user-7/2026/11/a.dcm temp/processing/a; do
          for turn in 1 2; do
            dd if="$D/in.dcm" of="$M/$place" bs=4096 oflag=direct status=none
            cmp "$D/in.dcm" "$R/$place"
          done
        done
        """)
      try m.expectStatsAsWalked()
    }
  }

  @Test("cp, cp -p, cp -r, cp -a, mv, install, dd, tee and redirections bring files in and out unchanged")
  func basics() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(300_001), to: m.beside("in.dcm"))
      try m.sh(
        #"""
        touch -d '2020-02-03 04:05:06.7' in.dcm
        mkdir -p "$M/images/user-7/2026/11"
        cd "$M/images/user-7/2026/11"
        cp "$D/in.dcm" cp.dcm
        cp -p "$D/in.dcm" cp-p.dcm
        cp -a "$D/in.dcm" cp-a.dcm
        cp --sparse=always "$D/in.dcm" sparse.dcm
        cp --reflink=auto "$D/in.dcm" reflink.dcm
        cp -p "$D/in.dcm" "$D/moving.dcm"; mv "$D/moving.dcm" mv.dcm
        install -m 0640 "$D/in.dcm" install.dcm
        dd if="$D/in.dcm" of=dd.dcm bs=4096 status=none
        dd if="$D/in.dcm" of=dd-fsync.dcm bs=1M conv=fsync status=none
        tee tee.dcm < "$D/in.dcm" > /dev/null
        cat "$D/in.dcm" > cat.dcm
        head -c 100000 "$D/in.dcm" > append.dcm; tail -c +100001 "$D/in.dcm" >> append.dcm
        cp cat.dcm inner.dcm
        for file in *; do cmp "$file" "$D/in.dcm"; cmp "$R/images/user-7/2026/11/$file" "$D/in.dcm"; done
        test "$(ls | wc -l)" = 13
        for file in cp-p.dcm cp-a.dcm mv.dcm; do
          test "$(stat -c %.Y "$file")" = "$(stat -c %.Y "$D/in.dcm")"
        done
        test "$(stat -c %a install.dcm)" = 640
        cp cp.dcm "$D/out.dcm"; cmp "$D/out.dcm" "$D/in.dcm"
        mv mv.dcm "$D/out2.dcm"; cmp "$D/out2.dcm" "$D/in.dcm"; test ! -e mv.dcm
        cp -f "$D/in.dcm" cp.dcm; cmp cp.dcm "$D/in.dcm"
        echo other > "$D/other"; cp -n "$D/other" cp.dcm || true; cmp cp.dcm "$D/in.dcm"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("cp -r and cp -a take a whole tree in and out")
  func trees() throws {
    try withMount { m in
      try m.sh(
        #"""
        for user in 1 2; do for month in 01 12; do
          mkdir -p "tree/user-$user/2026/$month"
          for i in 1 2 3; do echo "$user $month $i" > "tree/user-$user/2026/$month/$i.dcm"; done
        done; done
        cp -r tree/user-1 "$M/images/"
        cp -a tree/user-2 "$M/images/"
        diff -r tree "$M/images"
        diff -r tree "$R/images"
        cp -a "$M/images" out
        diff -r tree out
        mkdir "$M/temp/processing/set"
        cp -a tree "$M/temp/processing/set/"
        mv "$M/temp/processing/set" "$M/temp/processing/set2"
        diff -r tree "$M/temp/processing/set2/tree"
        rm -r "$M/images"/user-1
        test ! -e "$R/images/user-1"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("tar packs the tree and unpacks into images", .needs("tar"))
  func tar() throws {
    try withMount { m in
      try m.sh(
        #"""
        mkdir -p "$M/images/user-7/2026/11" "$M/temp/processing/links"
        for i in $(seq 30); do head -c $((i * 1000)) /dev/urandom > "$M/images/user-7/2026/11/$i.dcm"; done
        touch -d '2020-02-03 04:05:06' "$M/images/user-7/2026/11/3.dcm"
        chmod 0600 "$M/images/user-7/2026/11/4.dcm"
        tar -C "$M" -cf pack.tar images
        cp -a "$M/images" before
        rm -r "$M/images"/*
        tar -C "$M" -xpf pack.tar
        diff -r before "$M/images"
        test "$(stat -c %Y "$M/images/user-7/2026/11/3.dcm")" = "$(stat -c %Y before/user-7/2026/11/3.dcm)"
        test "$(stat -c %a "$M/images/user-7/2026/11/4.dcm")" = 600
        tar -C "$M" -xpf pack.tar
        diff -r before "$M/images"
        ln -s ../x "$M/temp/processing/links/soft"; echo x > "$M/temp/processing/links/a"
        ln "$M/temp/processing/links/a" "$M/temp/processing/links/b"
        tar -C "$M/temp/processing" -cf links.tar links
        rm -r "$M/temp/processing/links"
        tar -C "$M/temp/processing" -xf links.tar
        test "$(readlink "$M/temp/processing/links/soft")" = ../x
        test "$M/temp/processing/links/a" -ef "$M/temp/processing/links/b"
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("sed -i and editors that write a new file and rename it over the old one")
  func editors() throws {
    try withMount { m in
      try m.month()
      for place in ["images/user-7/2026/11", "temp/processing"] {
        try m.sh(
          #"""
          cd "$M/$P"
          printf 'one\ntwo\n' > notes
          sed -i s/one/three/ notes
          test "$(head -1 notes)" = three
          printf 'four\n' > .notes.swp
          cat notes >> .notes.swp
          mv .notes.swp notes
          test "$(head -1 notes)" = four
          # As vim does with a backup: the old file is moved away, the new one is written and synchronised.
          mv notes notes~
          printf 'five\n' | dd of=notes conv=fsync status=none
          rm notes~
          test "$(cat notes)" = five
          test "$(cat "$R/$P/notes")" = five
          test "$(ls)" = notes
          """#, ["P": place])
      }
      try m.expectStatsAsWalked()
    }
  }

  @Test("find, ls, du and wc see what is there")
  func looking() throws {
    try withMount { m in
      try m.sh(
        #"""
        for month in 01 02 03; do
          mkdir -p "$M/images/user-7/2026/$month"
          for i in $(seq 40); do head -c 1000 /dev/zero > "$M/images/user-7/2026/$month/$i.dcm"; done
        done
        test "$(find "$M/images" -type f -name '*.dcm' | wc -l)" = 120
        test "$(find "$M/images" -type d | wc -l)" = 6
        test "$(find "$M/images" -type f -size 1000c -print0 | xargs -0 cat | wc -c)" = 120000
        test "$(ls -lR "$M/images" | grep -c '\.dcm$')" = 120
        test "$(du --apparent-size -sb "$M/images/user-7/2026/01" | cut -f1)" -ge 40000
        test "$(du -s --inodes "$M/images" | cut -f1)" = "$(du -s --inodes "$R/images" | cut -f1)"
        ls -la "$M" | grep -q '\.stats'
        find "$M/images" -name '*.dcm' -newermt 2001-01-01 -delete
        test -z "$(find "$M/images" -type f)"
        rm -r "$M/images"/*
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("split writes chunks, and cat joins them again", .needs("split", "sha256sum"))
  func split() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(1_000_000), to: m.beside("whole"))
      try m.sh(
        #"""
        mkdir "$M/temp/uploads/s" && split -b 100000 -d whole "$M/temp/uploads/s/chunk_"
        cat "$M/temp/uploads/s"/chunk_* | cmp - whole
        echo images/user-7/2026/11/a.dcm > "$M/temp/uploads/s/.complete"
        cmp "$M/images/user-7/2026/11/a.dcm" whole
        grep -q '"storagePath"' "$M/temp/uploads/s/.complete"
        """#)
    }
  }

  @Test("A session of the shell as in the documentation", .needs("split"))
  func session() throws {
    try withMount { m in
      try Files.write(Dicom.mammogram(instance: 1, rows: 300, columns: 200), to: m.beside("scan.dcm"))
      try m.sh(
        #"""
        mkdir -p "$M/images/user-7/2026/11" && cp scan.dcm "$M/images/user-7/2026/11/"
        mkdir "$M/temp/uploads/abc" && split -b 20K scan.dcm "$M/temp/uploads/abc/chunk_"
        echo images/user-7/2026/11/second.dcm > "$M/temp/uploads/abc/.complete"
        cmp scan.dcm "$M/images/user-7/2026/11/second.dcm"
        cat "$M/.stats"
        fails mkdir "$M/images/user-7/2026/13" 2> message
        grep -q 'Invalid argument' message
        tail -n 1 "$M/.errors" | grep -q 'month must be 01 to 12, not 13'
        """#)
      #expect(try m.stats().images.count == 2)
    }
  }

  @Test("Python's shutil copies, moves and removes", .needs("python3"))
  func shutil() throws {
    try withMount { m in
      try m.month()
      try m.python(
        #"""
        month = M + "/images/user-7/2026/11/"
        data = os.urandom(200000)
        put(D + "/in.dcm", data)
        os.utime(D + "/in.dcm", (1_500_000_000, 1_500_000_000))
        for name, copy in (("a", shutil.copy), ("b", shutil.copy2), ("c", shutil.copyfile)):
            copy(D + "/in.dcm", month + name)
            assert get(month + name) == data
        assert os.stat(month + "b").st_mtime == 1_500_000_000
        shutil.move(month + "a", M + "/temp/processing/a")
        shutil.move(D + "/in.dcm", month + "d")
        assert get(month + "d") == data and not os.path.exists(D + "/in.dcm")
        shutil.copytree(M + "/images/user-7", M + "/images/user-8")
        shutil.copytree(M + "/images/user-7", D + "/out")
        shutil.copytree(M + "/images/user-7", M + "/temp/processing/tree")
        assert sorted(os.listdir(M + "/images/user-8/2026/11")) == ["b", "c", "d"]
        with open(month + "e", "w+") as file:
            file.write("text"); file.flush(); file.seek(0)
            assert file.read() == "text"
        shutil.rmtree(M + "/images/user-7")
        shutil.rmtree(M + "/temp/processing/tree")
        assert os.listdir(M + "/images") == ["user-8"]
        assert shutil.disk_usage(M).total == shutil.disk_usage(R).total
        import pathlib, tempfile
        with tempfile.TemporaryDirectory(dir=M + "/temp/processing") as folder:
            (pathlib.Path(folder) / "x").write_text("x")
        assert os.listdir(M + "/temp/processing") == ["a"]
        """#)
      try m.expectStatsAsWalked()
    }
  }
}
