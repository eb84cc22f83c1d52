internal import CLinux
internal import Glibc
internal import SystemPackage

extension MountPoint {
  /// Takes the mount of a storage root away, also while it is in use; as an ordinary user by `fusermount3`. What somebody
  /// else has mounted there, over it or since it went, stays.
  ///
  /// - Returns: why it is still there, if it is.
  static func release(_ path: String, of root: String) -> Errno? {
    guard let mount = at(path), isSame(mount.root, root), mount.cover == nil else { return nil }
    do throws(Errno) {
      try detach(path, lazily: true)
      return nil
    } catch .invalidArgument {
      // It is gone already.
      return nil
    } catch .notPermitted {
      return runFusermount(path)
    } catch {
      return error
    }
  }

  private static func runFusermount(_ path: String) -> Errno? {
    let arguments = ["fusermount3", "-u", "-q", "-z", "--", path]
    let pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    let result = posix_spawnp(&process, arguments[0], nil, nil, pointers, environ)
    guard result == 0 else { return Errno(rawValue: result) }
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status == 0 ? nil : .notPermitted
  }
}
