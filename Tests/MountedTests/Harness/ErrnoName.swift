import Glibc

/// An errno that prints as its name, so that a failed expectation can be read.
struct ErrnoName: Hashable, CustomStringConvertible {
  let value: Int32

  init(_ value: Int32) { self.value = value }

  private static let names: [Int32: String] = [
    0: "success", EPERM: "EPERM", ENOENT: "ENOENT", EIO: "EIO", ENXIO: "ENXIO", EBADF: "EBADF", EACCES: "EACCES",
    EBUSY: "EBUSY", EEXIST: "EEXIST", EXDEV: "EXDEV", ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL",
    ENOSPC: "ENOSPC", EROFS: "EROFS", ENAMETOOLONG: "ENAMETOOLONG", ENOTEMPTY: "ENOTEMPTY", ELOOP: "ELOOP",
    ENODATA: "ENODATA", EBADMSG: "EBADMSG", EILSEQ: "EILSEQ", EOPNOTSUPP: "EOPNOTSUPP", ENOSYS: "ENOSYS",
    ENOTCONN: "ENOTCONN", ESTALE: "ESTALE", EDQUOT: "EDQUOT", EFBIG: "EFBIG", ETXTBSY: "ETXTBSY",
  ]

  var description: String { Self.names[value] ?? "errno \(value)" }
}

/// What a call that returns -1 failed with, or "success".
func errnoOf(_ call: () -> Int32) -> ErrnoName {
  let result = call()
  let error = errno
  return ErrnoName(result < 0 ? error : 0)
}

/// A system call that a test needs to succeed did not.
struct CallFailed: Error, CustomStringConvertible {
  let what: String
  let errno: ErrnoName

  init(_ what: String, _ error: Int32) {
    self.what = what
    self.errno = ErrnoName(error)
  }

  var description: String { "\(what): \(errno)" }
}
