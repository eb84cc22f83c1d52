import Glibc
import Testing

/// temp/processing: everything that a POSIX file system does.
@Suite("The workspace", .mounting, .needs("python3"), .timeLimit(.minutes(15)))
struct WorkspaceTests {
  private func inWorkspace(_ script: String, seconds: Int = 60) throws {
    try withMount { m in
      try m.python("w, stored = M + '/temp/processing/', R + '/temp/processing/'\n" + script, seconds: seconds)
      try m.expectStatsAsWalked()
    }
  }

  @Test("Hard links share one file, and it lives until its last name and its last open go")
  func hardLinks() throws {
    try inWorkspace(
      #"""
      put(w + "a", b"one")
      os.link(w + "a", w + "b")
      os.mkdir(w + "d")
      os.link(w + "b", w + "d/c")
      found = [os.stat(w + n) for n in ("a", "b", "d/c")]
      assert len({f.st_ino for f in found}) == 1 and {f.st_nlink for f in found} == {3}
      with open(w + "d/c", "ab") as file: file.write(b" two")
      assert get(w + "a") == b"one two"
      os.chmod(w + "b", 0o600)
      assert stat.S_IMODE(os.stat(w + "a").st_mode) == 0o600
      fd = os.open(w + "a", os.O_RDWR)
      os.unlink(w + "a")
      assert os.fstat(fd).st_nlink == 2 and os.stat(w + "b").st_nlink == 2
      os.unlink(w + "b"); os.unlink(w + "d/c")
      assert os.fstat(fd).st_nlink == 0
      os.write(fd, b"ONE")
      assert os.pread(fd, 99, 0) == b"ONE two"
      os.close(fd)
      refused(errno.ENOENT, os.stat, w + "a")
      put(w + "x"); put(w + "y")
      refused(errno.EEXIST, os.link, w + "x", w + "y")
      refused((errno.EPERM, errno.EISDIR), os.link, w + "d", w + "e")
      os.link(w + "x", w + "z")
      os.rename(w + "x", w + "z")
      assert os.path.exists(w + "x") and os.path.exists(w + "z"), "rename of two names of one file does nothing"
      """#)
  }

  @Test("Symbolic links, relative, absolute, dangling and long")
  func symbolicLinks() throws {
    try inWorkspace(
      #"""
      os.makedirs(w + "d/e")
      put(w + "d/file", b"content")
      for target in ("d/file", w + "d/file", "../nowhere", "x" * 4000, "ünicode/é", " "):
          name = w + "link"
          os.symlink(target, name)
          assert os.readlink(name) == target
          found = os.lstat(name)
          assert stat.S_ISLNK(found.st_mode) and found.st_size == len(os.fsencode(target))
          assert os.readlink(stored + "link") == target
          os.unlink(name)
      os.symlink("../file", w + "d/e/up")
      assert get(w + "d/e/up") == b"content"
      os.symlink(w + "d", w + "folder")
      assert get(w + "folder/file") == b"content"
      os.symlink("loop", w + "loop")
      refused(errno.ELOOP, os.open, w + "loop", os.O_RDONLY)
      refused(errno.ELOOP, os.open, w + "folder", os.O_RDONLY | os.O_NOFOLLOW)
      refused(errno.EEXIST, os.symlink, "x", w + "loop")
      os.link(w + "loop", w + "loop2", follow_symlinks=False)
      assert os.readlink(w + "loop2") == "loop"
      os.utime(w + "loop", (5, 6), follow_symlinks=False)
      assert os.lstat(w + "loop").st_mtime == 6
      os.chown(w + "loop", 7, 8, follow_symlinks=False)
      assert os.lstat(w + "loop").st_uid == 7
      os.rename(w + "loop", w + "d/loop")
      assert os.readlink(w + "d/loop") == "loop"
      """#)
  }

  @Test("Fifos, sockets and device nodes")
  func specialFiles() throws {
    try inWorkspace(
      #"""
      os.chdir(w)
      os.mkfifo("fifo", 0o600)
      assert stat.S_ISFIFO(os.stat("fifo").st_mode)
      child = os.fork()
      if child == 0:
          put("fifo", b"through the fifo")
          os._exit(0)
      assert get("fifo") == b"through the fifo"
      os.waitpid(child, 0)
      server = socket.socket(socket.AF_UNIX)
      server.bind("socket")
      server.listen()
      assert stat.S_ISSOCK(os.stat("socket").st_mode)
      client = socket.socket(socket.AF_UNIX)
      client.connect("socket")
      peer, _ = server.accept()
      client.send(b"x")
      assert peer.recv(9) == b"x"
      os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
      found = os.stat("null")
      assert stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(1, 3)
      refused(errno.EACCES, os.open, "null", os.O_RDWR)  # the mount is nodev
      os.mknod("plain", 0o640 | stat.S_IFREG)
      put("plain", b"x")
      for name in ("fifo", "socket", "null"):
          os.chmod(name, 0o640); os.chown(name, 7, 8); os.utime(name, (5, 6))
          found = os.lstat(name)
          assert stat.S_IMODE(found.st_mode) == 0o640 and (found.st_uid, found.st_gid, found.st_mtime) == (7, 8, 6)
          os.rename(name, name + "2")
          os.unlink(name + "2")
      assert os.listdir(".") == ["plain"]
      os.chdir("/")
      """#)
  }

  @Test("Folders: nested, renamed over an empty one, never over a full one, never into themselves")
  func folders() throws {
    try inWorkspace(
      #"""
      deep = w + "/".join(["d"] * 60)
      os.makedirs(deep)
      put(deep + "/file", b"x")
      assert get(deep + "/file") == b"x"
      os.makedirs(w + "a/b"); os.mkdir(w + "empty"); put(w + "file", b"")
      before = os.stat(w + "a").st_nlink
      os.mkdir(w + "a/c")
      assert os.stat(w + "a").st_nlink in (before + 1, 1)
      refused((errno.ENOTEMPTY, errno.EEXIST), os.rmdir, w + "a")
      refused((errno.ENOTEMPTY, errno.EEXIST), os.rename, w + "empty", w + "a")
      os.rename(w + "a", w + "empty")
      assert sorted(os.listdir(w + "empty")) == ["b", "c"]
      refused(errno.EINVAL, os.rename, w + "empty", w + "empty/b/x")
      refused(errno.ENOTDIR, os.rename, w + "empty", w + "file")
      refused(errno.EISDIR, os.rename, w + "file", w + "empty")
      refused(errno.ENOTDIR, os.rmdir, w + "file")
      refused((errno.EISDIR, errno.EPERM), os.unlink, w + "empty")
      refused(errno.ENOTDIR, os.mkdir, w + "file/x")
      refused(errno.ENOENT, os.mkdir, w + "none/x")
      refused(errno.EEXIST, os.mkdir, w + "file")
      # A folder that is somebody's working directory can go.
      os.mkdir(w + "gone"); os.chdir(w + "gone"); os.rmdir(w + "gone")
      assert os.listdir(".") == []
      refused(errno.ENOENT, put, "x")
      refused(errno.ENOENT, os.mkdir, "x")
      os.chdir("/")
      # What is inside follows a renamed folder.
      fd = os.open(w + "empty/b", os.O_RDONLY | os.O_DIRECTORY)
      os.rename(w + "empty", w + "moved")
      inner = os.open("inside", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
      os.close(inner)
      assert os.listdir(w + "moved/b") == ["inside"]
      os.close(fd)
      """#)
  }

  @Test("Modes, owners and times, the sticky bit and the umask")
  func attributes() throws {
    try inWorkspace(
      #"""
      os.umask(0o027)
      put(w + "file"); os.mkdir(w + "folder", 0o777)
      assert stat.S_IMODE(os.stat(w + "file").st_mode) == 0o640
      assert stat.S_IMODE(os.stat(w + "folder").st_mode) == 0o750
      for name in ("file", "folder"):
          for mode in (0o000, 0o1777, 0o2755, 0o4711, 0o640):
              os.chmod(w + name, mode)
              assert stat.S_IMODE(os.stat(w + name).st_mode) == mode, oct(mode)
              assert stat.S_IMODE(os.stat(stored + name).st_mode) == mode, oct(mode)
          os.chown(w + name, 7, -1); os.chown(w + name, -1, 8)
          assert (os.stat(w + name).st_uid, os.stat(w + name).st_gid) == (7, 8)
          os.utime(w + name, ns=(1_500_000_000_000_000_001, 1_600_000_000_000_000_002))
          found = os.stat(w + name)
          assert (found.st_atime_ns, found.st_mtime_ns) == (1_500_000_000_000_000_001, 1_600_000_000_000_000_002)
          assert found.st_ctime > 1_600_000_000
      os.chmod(w + "folder", 0o2755)
      os.mkdir(w + "folder/inner")
      assert os.stat(w + "folder/inner").st_gid == 8 and os.stat(w + "folder/inner").st_mode & stat.S_ISGID
      os.umask(0)
      os.mkdir(w + "wide", 0o1777)
      assert stat.S_IMODE(os.stat(w + "wide").st_mode) == 0o1777
      os.utime(w + "file", ns=(0, -5_000_000_000))
      assert os.stat(w + "file").st_mtime == -5
      """#)
  }

  @Test("In a sticky folder users remove only what is theirs", .needs("setpriv"))
  func sticky() throws {
    try withMount("-o", "allow_other") { m in
      try m.sh(
        """
        chmod 0755 "$M" "$M/temp" "$M/temp/processing"
        mkdir -m 1777 "$M/temp/processing/shared"
        as() { local user=$1; shift; setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"; }
        as 1234 touch "$M/temp/processing/shared/mine"
        fails as 1235 rm -f "$M/temp/processing/shared/mine"
        fails as 1235 mv "$M/temp/processing/shared/mine" "$M/temp/processing/shared/yours"
        as 1234 rm "$M/temp/processing/shared/mine"
        """)
    }
  }

  @Test("Random renames, links and removals agree with a model")
  func model() throws {
    try inWorkspace(
      #"""
      seed = random.randrange(1 << 32)
      print("seed", seed)
      source, model, other = random.Random(seed), D + "/model", w + "tree"
      os.mkdir(model); os.mkdir(other)

      def path(): return "/".join(source.choice("abc") for _ in range(source.randrange(1, 4)))

      def attempt(base, step, first, second):
          one, two = f"{base}/{first}", f"{base}/{second}"
          try:
              if step == 0: put(one, first.encode())
              elif step == 1: os.mkdir(one)
              elif step == 2: os.rename(one, two)
              elif step == 3: os.link(one, two)
              elif step == 4: os.symlink(second, one)
              elif step == 5: os.unlink(one)
              elif step == 6: os.rmdir(one)
              elif step == 7: renameat2(one, two, EXCHANGE)
              elif step == 8: renameat2(one, two, NOREPLACE)
              elif step == 9: os.truncate(one, len(second))
              return 0
          except OSError as error:
              return error.errno

      def listing(base):
          lines = []
          for where, folders, files in os.walk(base):
              for name in folders + files:
                  full = os.path.join(where, name)
                  found = os.lstat(full)
                  content = os.readlink(full) if stat.S_ISLNK(found.st_mode) else None
                  if stat.S_ISREG(found.st_mode): content = (get(full), found.st_nlink)
                  lines.append((os.path.relpath(full, base), stat.S_IFMT(found.st_mode), content))
          return sorted(lines, key=str)

      for number in range(1500):
          step, first, second = source.randrange(10), path(), path()
          results = [errno.errorcode.get(attempt(base, step, first, second), 0) for base in (model, other)]
          if results[0] in ("ENOTEMPTY", "EEXIST"): results[0] = "ENOTEMPTY or EEXIST"
          if results[1] in ("ENOTEMPTY", "EEXIST"): results[1] = "ENOTEMPTY or EEXIST"
          assert results[0] == results[1], f"seed {seed}, step {number} ({step} {first} {second}): {results}"
          if number % 100 == 99: assert listing(model) == listing(other), f"seed {seed}, step {number}"
      assert listing(model) == listing(stored + "tree"), seed
      """#, seconds: 120)
  }

  @Test("git init, add, commit and clone", .needs("git"))
  func git() throws {
    try withMount { m in
      try m.sh(
        #"""
        export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=$D
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        cd "$M/temp/processing"
        git init -q repository
        cd repository
        for i in $(seq 50); do mkdir -p d$((i % 5)); echo "$i" > d$((i % 5))/$i; done
        git add . && git commit -q -m first
        echo changed > d1/1 && ln -s d1 link && git add -A && git commit -q -m second
        git gc -q && git fsck --strict
        test -z "$(git status --porcelain)"
        git clone -q . ../clone
        diff -r --exclude=.git . ../clone
        cd .. && rm -rf repository clone
        """#)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A file that is held by a path is reached by its other name after one was changed")
  func heldByPath() throws {
    try withMount { m in
      try m.python(
        #"""
        a, b, c = (M + "/temp/processing/" + name for name in "abc")
        put(a, b"x")
        os.link(a, b)
        os.stat(a)
        os.stat(b)
        held = os.open(b, os.O_PATH)
        os.rename(a, c)
        os.unlink(c)
        found = os.fstat(held)
        assert (found.st_size, found.st_nlink) == (1, 1), found
        """#)
    }
  }
}
