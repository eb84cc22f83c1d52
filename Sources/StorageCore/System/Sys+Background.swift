internal import CLinux
internal import Glibc
package import SystemPackage

/// The calls of work that nobody waits for and that is to be in nobody's way.
extension Sys {
  /// Reads without leaving in the page cache what was not there before.
  ///
  /// The buffer is a mebibyte at most and `offset` a multiple of that. The corresponding C function is `preadv2` with
  /// `RWF_DONTCACHE`; where the kernel has none, `mincore` tells what is to be dropped again.
  @inline(never)
  package static func readUncached(
    _ descriptor: borrowing some DescriptorReference & ~Copyable, at offset: Int64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    let descriptor = descriptor.raw
    do throws(Errno) {
      return try retrying { lx_pread_uncached(descriptor, buffer.baseAddress, buffer.count, offset) }
    } catch .notSupported {
      // An older kernel, or a file system that does not know how.
    } catch .noFunction {
      // A kernel without preadv2.
    } catch .invalidArgument {
      // A kernel that does not know the flag.
    }
    // What is read ahead would look as if it had been there before.
    _ = lx_read_ahead_off(descriptor)
    let resident = lx_resident_pages(descriptor, offset, buffer.count)
    let count = try read(descriptor, at: offset, into: buffer)
    // A hint: what stays does no harm.
    if resident == 0 { _ = lx_drop_pages(descriptor, offset, Int64(count)) }
    return count
  }

  /// Opens a regular file to read all of it, without making it look used where that is allowed.
  @inline(never)
  package static func openUnnoticed(
    _ name: FileName, in folder: borrowing some DescriptorReference & ~Copyable
  ) throws(Errno) -> Descriptor {
    let folder = folder.raw
    do throws(Errno) {
      return try open(name, in: folder, O_RDONLY | O_NONBLOCK | lx_O_NOATIME)
    } catch .notPermitted {
      // Another user's file.
      return try open(name, in: folder, O_RDONLY | O_NONBLOCK)
    }
  }

  /// The number by which other threads can name the calling one.
  static func threadNumber() -> CInt { lx_thread_id() }

  /// Has a thread run when nothing else wants to, or as any other again. Where that is refused, it runs as it did.
  static func setIdle(thread: CInt, _ isIdle: Bool) { _ = lx_set_idle(thread, isIdle ? 1 : 0) }

  /// Takes the lock on an open file or folder; false where somebody has it.
  package static func tryLock(_ descriptor: borrowing some DescriptorReference & ~Copyable) throws(Errno) -> Bool {
    let descriptor = descriptor.raw
    do throws(Errno) {
      _ = try retrying { lx_flock(descriptor, 1, 0) }
      return true
    } catch .wouldBlock {
      return false
    }
  }
}
