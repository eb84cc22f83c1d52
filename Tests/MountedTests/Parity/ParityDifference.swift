/// What the mount answers otherwise than a plain folder, on purpose.
///
/// Where a refusal of these happens, the plain folder is not asked, so that both sides
/// go on from the same state. Everything else that differs is a defect.
struct ParityDifference: Sendable {
  let places: [ParityPlace]
  let kind: Kind
  let reason: String

  enum Kind: Sendable {
    /// Calls whose text begins like this are refused with this errno.
    case refusal(of: String, with: String)
    /// This field of `stat` is not compared.
    case field(String)
  }

  static let all: [ParityDifference] = [
    .refused(.images, "mkdir(", "EPERM", "a month folder holds files only"),
    .refused(.images, "symlink(", "EPERM", "an image is a file of its own"),
    .refused(.images, "link(", "EPERM", "an image has one name, and is counted once"),
    .refused(.images, "linkfile(", "EPERM", "an image has one name, and is counted once"),
    .refused(.images, "mkfifo(", "EPERM", "a month folder holds regular files only"),
    .refused(.images, "mknod(", "EPERM", "a month folder holds regular files only"),
    .everywhere("open(b'\\xff", "EILSEQ", "names are valid UTF-8"),
    .everywhere("mkdir(b'\\xff", "EILSEQ", "names are valid UTF-8"),
    .everywhere("open('tab\\t", "EINVAL", "names have no control characters"),
    .everywhere("fallocate(f, COLLAPSE_RANGE", "EOPNOTSUPP", "the kernel passes this mode to no FUSE server"),
    .everywhere("fallocate(f, INSERT_RANGE", "EOPNOTSUPP", "the kernel passes this mode to no FUSE server"),
    .everywhere("rename2('a', 'b', WHITEOUT", "EINVAL", "NOREPLACE and EXCHANGE are what is promised"),
    .everywhere("open('', RDWR|TMPFILE", "EOPNOTSUPP", "libfuse before 3.17 has no call for a file without a name"),
    .init(
      places: [.images], kind: .field("ctime"),
      reason: "publishing an image touches its inode once more, after the close"),
  ]

  private static func refused(
    _ place: ParityPlace, _ call: String, _ errno: String, _ reason: String
  ) -> ParityDifference {
    ParityDifference(places: [place], kind: .refusal(of: call, with: errno), reason: reason)
  }

  private static func everywhere(_ call: String, _ errno: String, _ reason: String) -> ParityDifference {
    ParityDifference(places: ParityPlace.allCases, kind: .refusal(of: call, with: errno), reason: reason)
  }

  /// The table for the engine: a line each, its parts separated by tabs.
  static func table(for place: ParityPlace) -> String {
    all.filter { $0.places.contains(place) }.map { difference in
      switch difference.kind {
      case .refusal(let call, let errno): "refusal\t\(call)\t\(errno)"
      case .field(let name): "field\t\(name)"
      }
    }.joined(separator: "\n")
  }
}
