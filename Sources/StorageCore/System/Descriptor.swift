internal import Glibc
package import SystemPackage

/// What a system call takes: an owner of a descriptor, or a number that somebody keeps open.
///
/// Calls take the owner, not its number: Swift may let a value go after its last
/// use, and the last use of a temporary owner would be to read the number.
package protocol DescriptorReference: ~Copyable {
  var raw: CInt { get }
}

extension CInt: DescriptorReference {
  package var raw: CInt { self }
}

/// An open file descriptor with one owner, closed when the owner lets it go.
///
/// A path that wrote something calls ``close()``, because `close` can fail.
package struct Descriptor: ~Copyable, Sendable, DescriptorReference {
  package let raw: CInt

  package init(owning raw: CInt) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Closes it and says what `close` said.
  package consuming func close() throws(Errno) {
    let result = Glibc.close(raw)
    let error = errno
    discard self
    if result != 0 { throw Errno(rawValue: error) }
  }
}

/// A descriptor that several hold; closed when the last lets it go.
package final class SharedDescriptor: Sendable, DescriptorReference {
  private let descriptor: Descriptor
  package var raw: CInt { descriptor.raw }

  package init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

extension Errno {
  /// The process, or the machine, has as many descriptors open as it may. It passes; nothing is wrong with the file.
  package var isWantOfDescriptors: Bool { self == .tooManyOpenFiles || self == .tooManyOpenFilesInSystem }
}
