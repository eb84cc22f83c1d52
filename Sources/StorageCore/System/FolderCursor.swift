internal import Glibc
internal import SystemPackage

/// A folder somewhere below another, and the way to it.
///
/// For walks that go as deep as a tree goes: anybody may make folders within folders until nothing is left, and a walk
/// that calls itself for each would run out of stack and descriptors. Here only the last few folders on the way are open.
/// Those further up are reached again by `..`, and are known by their identity.
struct FolderCursor {
  private struct Level {
    let name: FileName
    let identity: FileIdentity
    /// Of the topmost, and of the last few.
    var folder: SharedDescriptor?
  }

  /// The folder that this is in.
  private(set) var folder: SharedDescriptor
  private(set) var identity: FileIdentity
  private let top: SharedDescriptor
  private var levels: [Level]

  /// So many folders above it are open.
  private static let held = 8

  init(at top: SharedDescriptor) throws(Errno) {
    self.top = top
    folder = top
    identity = FileIdentity(try Sys.stat(top))
    levels = [Level(name: "", identity: identity, folder: top)]
  }

  /// How far below the first folder it is.
  var depth: Int { levels.count - 1 }

  /// The names that lead here from the first folder.
  var names: [FileName] { levels.dropFirst().map(\.name) }

  /// Goes into a folder.
  mutating func enter(_ name: FileName) throws(Errno) {
    let child = SharedDescriptor(try Sys.openFolder(name, in: folder))
    identity = FileIdentity(try Sys.stat(child))
    folder = child
    levels.append(Level(name: name, identity: identity, folder: child))
    let far = depth - Self.held
    if far > 0 { levels[far].folder = nil }
  }

  /// Goes to the folder above or, where that is not above any more, to the last on the way that is where it was.
  ///
  /// - Returns: how many levels that was.
  mutating func leave() throws(Errno) -> Int {
    levels.removeLast()
    if let above = levels[depth].folder {
      go(to: above)
      return 1
    }
    let above = SharedDescriptor(try Sys.openParent(of: folder))
    if FileIdentity(try Sys.stat(above)) == levels[depth].identity {
      levels[depth].folder = above
      go(to: above)
      return 1
    }
    return try leaveToKnown() + 1
  }

  private mutating func go(to above: SharedDescriptor) {
    folder = above
    identity = levels[depth].identity
  }

  /// Goes down from the top as far as the way is what it was.
  private mutating func leaveToKnown() throws(Errno) -> Int {
    var (known, end) = (top, 0)
    for level in levels.dropFirst() {
      do throws(Errno) {
        let next = SharedDescriptor(try Sys.openFolder(level.name, in: known))
        guard FileIdentity(try Sys.stat(next)) == level.identity else { break }
        known = next
        end += 1
      } catch {
        if error.isWantOfDescriptors { throw error }
        break
      }
    }
    let gone = depth - end
    levels.removeLast(gone)
    levels[end].folder = known
    go(to: known)
    return gone
  }
}

extension FolderCursor {
  /// Goes through a folder and all below it.
  ///
  /// - Parameters:
  ///   - visit: called in each folder; returns the names of those in it that are to be gone through, and `nil` to end the
  ///     walk.
  ///   - passesOver: whether a folder that cannot be opened, for this reason, is left out.
  /// - Returns: whether all of it was gone through: it was not ended, and nothing on the way was moved meanwhile.
  static func walk(
    from top: SharedDescriptor, passesOver: (Errno) -> Bool,
    _ visit: (FolderCursor) throws(Errno) -> [FileName]?
  ) throws(Errno) -> Bool {
    var cursor = try FolderCursor(at: top)
    guard let first = try visit(cursor) else { return false }
    var left = [first]
    var isWhole = true
    while !left.isEmpty {
      if let name = left[left.count - 1].popLast() {
        do throws(Errno) {
          try cursor.enter(name)
        } catch {
          guard passesOver(error) else { throw error }
          continue
        }
        guard let names = try visit(cursor) else { return false }
        left.append(names)
      } else if left.count > 1 {
        let levels = try cursor.leave()
        left.removeLast(levels)
        isWhole = isWhole && levels == 1
      } else {
        break
      }
    }
    return isWhole
  }
}
