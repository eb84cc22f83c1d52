import Testing

/// A disk that fails and comes back while the machine runs on: for what was on its way there that is a power cut.
@Suite(
  "A disk that dropped", .mounting, .needs("python3", "mkfs.ext4", "mkfs.xfs", "losetup"), .timeLimit(.minutes(9)))
struct DroppedDiskTests {
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
