/// The kernel's number of a request: `unique` in `struct fuse_in_header`.
public struct RequestNumber: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// FUSE_UNIQUE_RESEND
  private static let resent: UInt64 = 1 << 63

  /// Whether a server before this one had read the request and not answered it. It may have carried it out.
  public var isResent: Bool { rawValue & RequestNumber.resent != 0 }

  /// As it was when the request was sent for the first time.
  public var original: RequestNumber { RequestNumber(rawValue: rawValue & ~RequestNumber.resent) }
}
