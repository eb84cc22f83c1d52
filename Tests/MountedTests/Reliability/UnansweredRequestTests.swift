import Testing

/// A server that dies between having done something and having said so: the kernel sends the request again, and the
/// next server has to know.
@Suite(
  "A request that was carried out and not answered", .mounting, .needs("python3", "strace"), .timeLimit(.minutes(15)))
struct UnansweredRequestTests {
  static let operations = [
    "create", "create_exclusively", "create_in_workspace", "mkdir", "make_session", "rmdir", "unlink", "rename",
    "rename_over", "rename_folder", "exchange",
    "exchange_folders", "link", "symlink", "mkfifo", "setxattr", "removexattr", "truncate", "append", "chunk",
    "complete",
    "complete_by_rename", "unlink_chunk", "list", "fsync", "stats", "rename_temporary",
  ]

  /// A tracer kills the server as it begins to write its n-th reply, for every n until the work is done before that.
  @Test("is done once, and its caller sees nothing of it", arguments: operations)
  func answered(_ operation: String) throws {
    for reply in 1...(Prerequisites.isLong ? 8 : 4) {
      let wasKilled = try withServer(dyingAtReply: reply, operation)
      if !wasKilled { break }
    }
  }

  private func withServer(dyingAtReply reply: Int, _ operation: String) throws -> Bool {
    var wasKilled = false
    try withMount { m in
      let script =
        Self.operationsInPython + #"""
          prepare()
          process = server()
          tracer = killed_at("writev", os.environ["REPLY"])
          globals()["do_" + os.environ["OPERATION"]]()
          killed = server() != process
          if not killed: tracer.kill()
          tracer.wait()
          assert get(M + "/.errors") == b"", get(M + "/.errors")
          print("killed" if killed else "")
          """#
      let said = try m.python(script, ["REPLY": "\(reply)", "OPERATION": operation])
      wasKilled = said == "killed"
      try m.expectStatsAsWalked()
    }
    return wasKilled
  }

  @Test(
    "An open that empties its file does so, although the server died between opening and emptying it",
    arguments: ["images/user-7/2026/11/a", "temp/uploads/s/chunk_0", "temp/processing/f"])
  func emptied(path: String) throws {
    try withMount { m in
      let script =
        Self.operationsInPython + #"""
          prepare()
          path = os.environ["P"]
          put(M + "/" + path, b"long" * 3000)
          process = server()
          tracer = killed_at("ftruncate")
          put(M + "/" + path, b"short")
          assert server() != process
          tracer.wait()
          assert get(M + "/" + path) == b"short", get(M + "/" + path)[:20]
          assert get(M + "/.errors") == b"", get(M + "/.errors")
          """#
      try m.python(script, ["P": path])
      try m.expectStatsAsWalked()
    }
  }

  @Test("A marker that was refused is refused, although the server died before it said so")
  func refusedMarker() throws {
    try withMount { m in
      let script =
        Self.operationsInPython + #"""
          prepare()
          session = M + "/temp/uploads/s"
          marker = os.open(session + "/.complete", os.O_CREAT | os.O_WRONLY)
          os.write(marker, (month[1:] + "/a").encode())
          process = server()
          tracer = killed_at("writev")
          refused(errno.EEXIST, os.close, marker)
          assert server() != process
          tracer.wait()
          assert get(M + month + "/a") == b"a" * 5000
          assert b"was refused" in get(session + "/.stats"), get(session + "/.stats")
          assert b" EEXIST " in get(M + "/.errors"), get(M + "/.errors")
          put(session + "/.complete", (month[1:] + "/up").encode())
          assert get(M + month + "/up") == b"c0"
          """#
      try m.python(script)
      try m.expectStatsAsWalked()
    }
  }

  @Test("A marker of which a write failed completes nothing, although the server died before it said so")
  func failedMarkerWrite() throws {
    try withMount { m in
      let script =
        Self.operationsInPython + #"""
          prepare()
          session = M + "/temp/uploads/s"
          content = (month[1:] + "/up").encode()
          marker = os.open(session + "/.complete", os.O_CREAT | os.O_WRONLY)
          process = server()
          tracer = traced(
              process, "-o", "/dev/null", "-e", "trace=pwrite64,writev", "-e", "inject=pwrite64:error=EIO:when=1",
              "-e", "inject=writev:signal=KILL:when=1")
          refused(errno.EIO, os.write, marker, content)
          assert server() != process
          tracer.wait()
          refused(errno.EIO, os.close, marker)
          assert not os.path.exists(M + month + "/up")
          put(session + "/.complete", content)
          assert get(M + month + "/up") == b"c0"
          """#
      try m.python(script)
      try m.expectStatsAsWalked()
    }
  }

  private static let operationsInPython = #"""
    month = '/images/user-7/2026/11'
    def prepare():
        os.makedirs(M+month)
        put(M + month + '/a','a'.encode()*5000)
        put(M + month + '/b', b'b')
        os.makedirs(M + '/temp/processing/d')
        put(M + '/temp/processing/f', b'f')
        os.makedirs(M + '/temp/uploads/s')
        put(M + '/temp/uploads/s/chunk_0', b'c0')
        os.setxattr(M + month + '/a','user.x', b'1')
        os.makedirs(M + '/images/user-7/2025/01')
        os.symlink('x', M + '/temp/processing/l')
    def do_create():
        put(M + month + '/new', b'n'*100)
        assert get(M + month + '/new') == b'n'*100
    def do_create_exclusively():
        fd=os.open(M + month + '/new',os.O_CREAT|os.O_EXCL|os.O_RDWR)
        os.write(fd,b'x')
        os.close(fd)
        assert get(M + month + '/new') == b'x'
    def do_create_in_workspace():
        fd=os.open(M + '/temp/processing/new',os.O_CREAT|os.O_EXCL|os.O_RDWR)
        os.write(fd,b'x')
        os.close(fd)
        assert get(M + '/temp/processing/new') == b'x'
    def do_mkdir():
        os.mkdir(M + '/temp/processing/n')
        assert os.path.isdir(M + '/temp/processing/n')
    def do_make_session():
        os.mkdir(M + '/temp/uploads/t')
        put(M + '/temp/uploads/t/chunk_0', b'1')
    def do_rmdir():
        os.rmdir(M + '/temp/processing/d')
        assert not os.path.exists(M + '/temp/processing/d')
    def do_unlink():
        os.unlink(M + month + '/a')
        assert not os.path.exists(M + month + '/a')
        put(M + month + '/a', b'again')
    def do_rename():
        os.rename(M + month + '/a', M + month + '/c')
        assert len(get(M + month + '/c')) == 5000 and not os.path.exists(M + month + '/a')
    def do_rename_over():
        os.rename(M + month + '/a', M + month + '/b')
        assert len(get(M + month + '/b')) == 5000 and not os.path.exists(M + month + '/a')
    def do_rename_folder():
        os.rename(M + '/images/user-7/2026', M + '/images/user-7/2024')
        assert len(get(M + '/images/user-7/2024/11/a')) == 5000
    def do_exchange():
        # So that the first reply is that to the exchange itself.
        os.stat(M + month + '/a'), os.stat(M + month + '/b')
        renameat2(M + month + '/a', M + month + '/b',2)
        for root in (M, R): assert get(root + month + '/a') == b'b' and len(get(root + month + '/b')) == 5000
    def do_exchange_folders():
        renameat2(M + '/images/user-7/2026', M + '/images/user-7/2025',2)
        assert os.listdir(M + '/images/user-7/2025') == ['11'] and os.listdir(M + '/images/user-7/2026') == ['01']
    def do_link():
        os.link(M + '/temp/processing/f', M + '/temp/processing/g')
        assert os.stat(M + '/temp/processing/g').st_nlink == 2
    def do_symlink():
        os.symlink('y', M + '/temp/processing/m')
        assert os.readlink(M + '/temp/processing/m') == 'y'
    def do_mkfifo():
        os.mkfifo(M + '/temp/processing/p')
    def do_setxattr():
        os.setxattr(M + month + '/a','user.y', b'2',os.XATTR_CREATE)
        assert os.getxattr(M + month + '/a','user.y') == b'2'
    def do_removexattr():
        os.removexattr(M + month + '/a','user.x')
        assert 'user.x' not in os.listxattr(M + month + '/a')
    def do_truncate():
        os.truncate(M + month + '/a',10)
        assert get(M + month + '/a') == b'a'*10
    def do_append():
        fd=os.open(M + month + '/a',os.O_WRONLY|os.O_APPEND)
        os.write(fd,b'z')
        os.close(fd)
        assert get(M + month + '/a') == b'a'*5000+b'z'
    def do_chunk():
        put(M + '/temp/uploads/s/chunk_1', b'c1')
        assert get(M + '/temp/uploads/s/chunk_1') == b'c1'
    def do_complete():
        put(M + '/temp/uploads/s/.complete',(month[1:]+'/up').encode())
        assert get(M + month + '/up') == b'c0'
    def do_complete_by_rename():
        put(M + '/temp/uploads/s/.x',(month[1:]+'/up').encode())
        os.rename(M + '/temp/uploads/s/.x', M + '/temp/uploads/s/.complete')
        assert get(M + month + '/up') == b'c0'
    def do_unlink_chunk():
        os.unlink(M + '/temp/uploads/s/chunk_0')
        put(M + '/temp/uploads/s/chunk_0', b'zz')
        assert get(M + '/temp/uploads/s/chunk_0') == b'zz'
    def do_list():
        assert sorted(os.listdir(M+month)) == ['a','b']
    def do_fsync():
        fd=os.open(M + month + '/new',os.O_CREAT|os.O_WRONLY)
        os.write(fd,b'q')
        os.fsync(fd)
        os.close(fd)
        assert get(M + month + '/new') == b'q'
    def do_stats():
        assert b'totalSize' in get(M + '/.stats')
    def do_rename_temporary():
        put(M + month + '/.a.XyzAbc', b'rs')
        os.utime(M + month + '/.a.XyzAbc',(5,5))
        os.rename(M + month + '/.a.XyzAbc', M + month + '/r')
        assert get(M + month + '/r') == b'rs' and os.stat(M + month + '/r').st_mtime == 5

    """#
}
