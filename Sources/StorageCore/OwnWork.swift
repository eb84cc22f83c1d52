package import Glibc
internal import Synchronization
internal import SystemPackage

/// What the service does to files by itself, and who must not see it.
///
/// A published file loses its record and gets its digest some seconds after its close. Both move the file's time of
/// change, and a backup that reads the file meanwhile would say that the file has changed.
package final class OwnWork: Sendable {
  private struct Weak { weak var value: (any StorageObserver)? }
  private let box = Mutex<Weak>(Weak())

  package init() {}

  package var observer: (any StorageObserver)? {
    get { box.withLock { $0.value } }
    set { box.withLock { $0.value = newValue } }
  }

  /// Does `work` on a file. The caller holds the file's lock.
  ///
  /// - Parameters:
  ///   - before: the file as it is now.
  ///   - descriptor: leads to the file, during the work and after it.
  package func on<Result, Failure: Error>(
    _ before: stat, _ descriptor: CInt, _ work: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let observer else { return try work() }
    let file = FileIdentity(before)
    observer.ownWorkBegins(on: file, before)
    // Also where the work was refused: a part of it may be done.
    defer { observer.ownWorkEnded(on: file, before, try? Sys.stat(descriptor)) }
    return try work()
  }
}
