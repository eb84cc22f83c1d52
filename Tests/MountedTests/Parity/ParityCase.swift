import Testing

/// One sequence of system calls that must answer the same on the mount and on a plain folder.
///
/// The script is Python, but it sees nothing except the calls of ``ParityEngine/calls``
/// and their constants. Each call is made on both sides, one right after the other, and
/// what comes back is compared: the result or the errno, and of `stat` every field that
/// a tool could act upon. So a script asserts nothing; it only does what somebody does.
struct ParityCase: Sendable, CustomTestStringConvertible {
  let name: String
  let script: String
  /// A month folder, which holds files only, has to answer the same, too.
  let isForImages: Bool

  init(_ name: String, alsoInImages isForImages: Bool = false, _ script: String) {
    self.name = name
    self.script = script
    self.isForImages = isForImages
  }

  var testDescription: String { name }

  static let all: [ParityCase] =
    opening + contents + spaces + names + folders + links + rights + privileges + times + attributes + unlinked

  static let images = all.filter(\.isForImages)
}

/// Where the mount's side of a comparison lies.
enum ParityPlace: String, Sendable, CaseIterable {
  case workspace
  case images

  /// Relative to the mount.
  var folder: String {
    switch self {
    case .workspace: "temp/processing/here"
    case .images: "images/user-7/2026/11"
    }
  }
}
