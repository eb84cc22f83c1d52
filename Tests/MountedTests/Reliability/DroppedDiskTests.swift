import Testing

/// A disk that fails and comes back while the machine runs on: for what was on its way there that is a power cut.
@Suite(
  "A disk that dropped", .mounting, .needs("python3", "mkfs.ext4", "mkfs.xfs", "losetup"), .timeLimit(.minutes(15)))
struct DroppedDiskTests {
  @Test("below a file system of which nobody can tell leaves no zeros", .needs("bindfs"))
  func unknown() throws {
    try withoutMount { m in
      let up = "mount -o loop \"$D/disk\" \"$D/below\"; bindfs \"$D/below\" \"$R\""
      try m.sh("truncate -s 100M \"$D/disk\"; mkfs.ext4 -q \"$D/disk\"; mkdir \"$D/below\"; \(up)")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
        #expect(poll(seconds: 20) { (try? m.run("umount \"$D/below\""))?.status == 0 })
      }
      try m.mount()
      try m.python(
        #"""
        import struct
        session = M + "/temp/uploads/s"
        os.mkdir(session)
        for number in range(3): put(f"{session}/chunk_{number}", bytes([number + 1]) * 3000)
        # The names are on disk, the bytes perhaps not.
        folder = os.open(session, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        disk = os.open(D + "/below", os.O_RDONLY)
        fcntl.ioctl(disk, 0x8004587d, struct.pack("I", 2))
        """#)
      m.killServers()
      try m.sh("umount -l \"$M\"")
      m.releaseDisk()
      #expect(poll(seconds: 10, every: 50) { (try? m.sh("umount \"$D/below\"")) != nil })
      try m.sh(up)
      try m.mount()
      try m.python(
        #"""
        session = M + "/temp/uploads/s"
        there = os.listdir(session) if os.path.exists(session) else []
        whole = {f"chunk_{number}": bytes([number + 1]) * 3000 for number in range(3)}
        for name in there: assert get(f"{session}/{name}") == whole[name], name
        # What is gone is told of.
        text = get(M + "/.errors").decode()
        if there: assert all(name in there or name in text for name in whole), (there, text)
        """#)
    }
  }

  @Test("leaves no torn image when it is mounted again", arguments: ["mkfs.ext4 -q", "mkfs.xfs -q"])
  func images(make: String) throws {
    try withoutMount { m in
      try m.sh("truncate -s 400M \"$D/disk\"; \(make) \"$D/disk\"; mount -o loop \"$D/disk\" \"$R\"")
      defer {
        if m.isMounted { try? m.unmount() }
        m.releaseDisk()
      }
      try m.mount()
      try m.month()
      try m.python(
        #"""
        import hashlib, struct
        month = M + "/images/user-7/2026/11"
        def whole(number): return hashlib.sha256(bytes([number])).digest() * (100 * number)
        for number in range(200): put(f"{month}/{number}.dcm", whole(number))
        with open(month + "/200.dcm", "wb") as file:
            file.write(whole(200))
            file.flush()
            os.fsync(file.fileno())
        # XFS_IOC_GOINGDOWN, which ext4 knows, too: at once, without writing the journal out.
        disk = os.open(R, os.O_RDONLY)
        fcntl.ioctl(disk, 0x8004587d, struct.pack("I", 2))
        """#)
      m.killServers()
      try m.sh("umount -l \"$M\"")
      #expect(poll(seconds: 10, every: 50) { (try? m.sh("umount \"$R\"")) != nil })
      try m.sh("mount -o loop \"$D/disk\" \"$R\"")
      try m.mount()
      try m.python(
        #"""
        import hashlib
        month = M + "/images/user-7/2026/11"
        def whole(number): return hashlib.sha256(bytes([number])).digest() * (100 * number)
        for name in os.listdir(month): assert get(f"{month}/{name}") == whole(int(name[:-4])), name
        assert os.path.exists(month + "/200.dcm")
        """#)
    }
  }
}
