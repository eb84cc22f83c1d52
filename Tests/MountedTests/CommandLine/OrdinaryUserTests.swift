import Testing

/// What an ordinary user can do, by way of fusermount3.
@Suite("Mounting as an ordinary user", .mounting, .mountingAsUser, .timeLimit(.minutes(15)))
struct OrdinaryUserTests {
  @Test("An ordinary user mounts, copies in, uploads and unmounts")
  func mounts() throws {
    try withoutMount { m in
      try Files.write(Bytes.pattern(100_000), to: m.beside("in.dcm"))
      try m.shPrivately(
        #"""
        cd "$U"
        user "$B" mount mnt --root root
        grep " $U/mnt fuse.mammofs " /proc/self/mounts | grep -q user_id=65534
        user bash -ec '
          mkdir -p mnt/images/user-7/2026/11 mnt/temp/uploads/s
          cp "$D/in.dcm" mnt/images/user-7/2026/11/a.dcm
          cmp "$D/in.dcm" root/images/user-7/2026/11/a.dcm
          split -b 30000 "$D/in.dcm" mnt/temp/uploads/s/chunk_
          echo images/user-7/2026/11/b.dcm > mnt/temp/uploads/s/.complete
          cmp "$D/in.dcm" mnt/images/user-7/2026/11/b.dcm
          touch -d "2 days ago" mnt/images/user-7/2026/11/b.dcm
        '
        user "$B" upload "$D/in.dcm" mnt --to images/user-7/2026/11/c.dcm --chunk-size 20K
        user "$B" stats mnt | grep images | grep -q "3 files"
        user "$B" cleanup mnt
        cd mnt 2> /dev/null && { echo 'another user can enter'; exit 1; }
        user bash -ec 'cd mnt/images; refused() { ! "$@" 2> "$U/busy"; }; refused "$B" unmount "$U/mnt"'
        grep -q 'in use' busy
        test "$(wc -l < busy)" = 1
        user "$B" unmount mnt
        fails grep " $U/mnt " /proc/self/mounts
        for name in a b c; do cmp "$D/in.dcm" "root/images/user-7/2026/11/$name.dcm"; done
        test "$(stat -c %U root/images/user-7/2026/11/c.dcm)" = "$(stat -c %U "$U")"
        """#)
      #expect(m.servers.isEmpty)
    }
  }

  @Test("Chunks that nobody may write are completed after a refusal, also by the next server")
  func unwritableChunks() throws {
    try withoutMount { m in
      try Files.write(Bytes.pattern(100_000), to: m.beside("in.dcm"))
      try m.shPrivately(
        #"""
        cd "$U"
        user "$B" mount mnt --root root
        user bash -ec '
          mkdir -p mnt/images/user-7/2026/11 mnt/temp/uploads/s
          split -b 30000 "$D/in.dcm" mnt/temp/uploads/s/chunk_
          chmod 444 mnt/temp/uploads/s/chunk_*
          echo "{ \"path\": \"images/user-7/2026/11/a.dcm\", \"sha256\": \"$(sha256sum < /dev/null | cut -c 1-64)\" }" > mark
        '
        refused user cp mark mnt/temp/uploads/s/.complete
        user "$B" unmount mnt
        user "$B" mount mnt --root root
        user bash -ec 'echo images/user-7/2026/11/a.dcm > mnt/temp/uploads/s/.complete'
        cmp "$D/in.dcm" root/images/user-7/2026/11/a.dcm
        user "$B" unmount mnt
        """#)
    }
  }

  @Test("What nobody may write is put in order like the rest: whole after a kill, taken off its name where it is torn")
  func unwritableAfterDeath() throws {
    try withoutMount { m in
      try Files.write(Bytes.pattern(100_000), to: m.beside("in.dcm"))
      try m.shPrivately(
        #"""
        cd "$U"
        month=images/user-7/2026/11
        ended() {
          server=$(sed -n 's/^process //p' root/.mammofs/lock)
          supervisor=$(sed 's/.*) . //; s/ .*//' "/proc/$server/stat")
          kill -KILL "$supervisor"
          kill -KILL "$server"
          while kill -0 "$server" 2> /dev/null; do :; done
        }
        copied() {
          user bash -ec 'mkdir -p mnt/'$month'; for name; do
            cp "$D/in.dcm" mnt/'$month'/$name; done; chmod 444 mnt/'$month'/?; chmod 0 mnt/'$month'/0*' - "$@"
        }
        user "$B" mount mnt --root root
        copied a 0a
        ended
        user "$B" mount mnt --root root
        user test ! -s mnt/.errors
        test -z "$(ls root/.mammofs/staging)"
        cmp "$D/in.dcm" "root/$month/a"
        test "$(stat -c %a root/$month/a root/$month/0a | xargs)" = '444 0'
        copied b 0b c d
        ended
        # What a power cut leaves of three of them, one of which the server may not look at.
        for name in b 0b d; do
          truncate -s 4096 "root/$month/$name"
          truncate -s 100000 "root/$month/$name"
        done
        sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' root/.mammofs/lock
        chown root "root/$month/d"
        user "$B" mount mnt --root root
        test "$(ls root/.mammofs/staging | wc -l)" = 1
        test "$(ls root/$month | xargs)" = '0a a c d'
        test "$(ls root/temp/processing/recovered | wc -l)" = 2
        test "$(stat -c %a root/temp/processing/recovered/* | sort | xargs)" = '0 444'
        cmp "$D/in.dcm" "root/$month/c"
        test "$(user cat mnt/.errors | wc -l)" = 3
        user "$B" unmount mnt
        chown 65534 "root/$month/d"
        user "$B" mount mnt --root root
        test -z "$(ls root/.mammofs/staging)"
        test "$(ls root/$month | xargs)" = '0a a c'
        test "$(ls root/temp/processing/recovered | wc -l)" = 3
        user "$B" unmount mnt
        """#)
    }
  }

  @Test("Chunks and images that nobody may write can be deleted and replaced, and have their digests")
  func unwritable() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        cd "$U"
        user "$B" mount mnt --root root
        user bash -ec '
          mkdir -p mnt/images/user-7/2026/11 mnt/temp/uploads/s
          cd mnt/temp/uploads/s
          for name in 0 1 2 3; do echo "chunk $name" > chunk_$name; done
          chmod 444 chunk_*
          chmod 0 chunk_1
          getfattr --only-values -n user.mammofs.place "$U/root/temp/uploads/s/chunk_0"
          rm -f chunk_0 chunk_1
          echo new > .new
          mv -f .new chunk_2
          test "$(cat chunk_2)" = new
          test "$(ls -A | xargs)" = "chunk_2 chunk_3"
          cd "$U"
          rm -rf mnt/temp/uploads/s
          test ! -e root/.mammofs/uploads/s
          cd mnt/images/user-7/2026/11
          echo image > a
          chmod 444 a
          for attempt in {1..200}; do
            if getfattr --only-values -n user.mammofs.sha256 a > "$U/digest" 2> /dev/null; then break; fi
            sleep 0.1
          done
          test "$(cat "$U/digest")" = "$(sha256sum < a | cut -c 1-64)"
          test "$(stat -c %a a "$U/root/images/user-7/2026/11/a" | xargs)" = "444 444"
          cat "$U/mnt/.errors"
          test ! -s "$U/mnt/.errors"
          rm -f a
        '
        user "$B" unmount mnt
        """#)
    }
  }

  @Test("A user's own dead mount is cleared and can be unmounted")
  func dead() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        cd "$U"
        user "$B" mount mnt --root root
        for command in 'mount mnt --root root' 'unmount mnt'; do
          server=$(sed -n 's/^process //p' root/.mammofs/lock)
          supervisor=$(sed 's/.*) . //; s/ .*//' "/proc/$server/stat")
          kill -KILL "$supervisor"
          kill -KILL "$server"
          while kill -0 "$server" 2> /dev/null; do :; done
          refused user "$B" stats mnt
          user "$B" $command
        done
        fails grep " $U/mnt " /proc/self/mounts
        """#)
    }
  }

  @Test("allow_other without user_allow_other in /etc/fuse.conf is refused with what to do")
  func allowOther() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        cd "$U"
        echo '# nothing' > "$D/none.conf"
        echo user_allow_other > "$D/other.conf"
        if test -e /etc/fuse.conf; then mount --bind "$D/none.conf" /etc/fuse.conf; fi
        for how in '' --foreground; do
          refused user "$B" mount mnt --root root -o allow_other $how
          grep -q user_allow_other "$D/refusal"
          grep -q /etc/fuse.conf "$D/refusal"
          test -z "$(ls -A .)"
        done
        if test -e /etc/fuse.conf; then
          mount --bind "$D/other.conf" /etc/fuse.conf
          user "$B" mount mnt --root root -o allow_other
          test -e mnt/.stats
          user "$B" unmount mnt
        fi
        """#)
    }
  }

  @Test("What only root may lift stays, and is refused by name")
  func privileged() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        cd "$U"
        for option in dev suid; do
          refused user "$B" mount mnt --root root -o "noexec,$option"
          grep -q "'$option'" "$D/refusal"
        done
        test -z "$(ls -A .)"
        """#)
    }
  }

  @Test("Without rights on /dev/fuse it says so")
  func closedDevice() throws {
    try withoutMount { m in
      try m.shPrivately(
        #"""
        cd "$U"
        chmod 600 "$D/dev/fuse"
        refused user "$B" mount mnt --root root
        grep -q /dev/fuse "$D/refusal"
        test -z "$(ls -A .)"
        """#)
    }
  }
}
