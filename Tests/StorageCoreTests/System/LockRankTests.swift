import Testing

@testable import StorageCore

#if DEBUG
  /// The order of locks, which debug builds check.
  @Suite("The order of locks")
  struct LockRankTests {
    @Test("a thread that takes a folder's lock while it holds a file's ends the process")
    func order() async {
      await #expect(processExitsWith: .failure) {
        let (folders, files) = (LockStripes(.folders), LockStripes(.files))
        let file = FileIdentity(device: 1, inode: 1)
        files.holding(file) { folders.holding(file) {} }
      }
    }

    @Test("so does one that takes two of a kind one after the other")
    func nested() async {
      await #expect(processExitsWith: .failure) {
        let files = LockStripes(.files)
        files.holding(FileIdentity(device: 1, inode: 1)) {
          files.holding(FileIdentity(device: 1, inode: 2)) {}
        }
      }
    }

    @Test("in order, and two at once, they can be taken")
    func inOrder() {
      let (gate, folders, files) = (Gate(), LockStripes(.folders), LockStripes(.files))
      let (one, other) = (FileIdentity(device: 1, inode: 1), FileIdentity(device: 1, inode: 2))
      for _ in 1...2 {
        gate.changing { folders.holding(one, and: other) { files.holding(one, and: other) {} } }
        gate.still { files.holding(other) {} }
      }
    }
  }
#endif
