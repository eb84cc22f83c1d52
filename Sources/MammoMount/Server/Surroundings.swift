internal import CLinux
internal import Glibc
internal import StorageCore
internal import SystemPackage

/// What a process inherits from the program that started it, and a supervisor and its servers must not depend on.
///
/// A mount outlives its caller. Signals that the caller ignores or blocks, its limits and its scheduling are meant for
/// something else: an ignored SIGCHLD hides a server's end, a limit of the file size ends a server at its first large
/// image. Left as they are: nice and the processors allowed, which a service is given on purpose and which only make
/// it slower, and what the dynamic linker is told, which has taken effect already.
package enum Surroundings {
  /// So much must be left where a limit cannot be lifted: memory that supervisor and servers share is a sparse file
  /// and a mapping of 21 GiB.
  private static let room: UInt64 = 64 << 30
  /// Of stacks and whatever is allocated.
  private static let dataRoom: UInt64 = 4 << 30
  /// Bytes of a stack: the usual limit.
  private static let stack: UInt64 = 8 << 20

  /// Lifts the limits that would end a server, or says which one cannot be lifted. Before anything is made.
  package static func liftLimits() throws(ServerFailure) {
    lx_set_stacks(stack)
    // The number of threads is tried out instead: other limits count, too, and more than this process's.
    _ = lx_lift_limit(lx_limit_processes)
    try lift(lx_limit_file_size, of: "the size of files", ulimit: "-f", unit: "FSIZE", atLeast: room)
    try lift(lx_limit_address_space, of: "address space", ulimit: "-v", unit: "AS", atLeast: room)
    try lift(lx_limit_data, of: "data", ulimit: "-d", unit: "DATA", atLeast: dataRoom)
    let seconds = lx_lift_limit(lx_limit_processor_time)
    guard seconds == .max else {
      throw refusal("processor time", "\(seconds) seconds", "none", ulimit: "-t", unit: "CPU")
    }
  }

  private static func lift(
    _ limit: lx_limit, of what: String, ulimit: String, unit: String, atLeast needed: UInt64
  ) throws(ServerFailure) {
    let bytes = lx_lift_limit(limit)
    guard bytes < needed else { return }
    throw refusal(what, "\(bytes) bytes", "none, or \(needed >> 30) GiB", ulimit: ulimit, unit: unit)
  }

  private static func refusal(
    _ what: String, _ now: String, _ needed: String, ulimit: String, unit: String
  ) -> ServerFailure {
    ServerFailure(
      "the limit of \(what) (ulimit \(ulimit)) is \(now), and a server needs \(needed); "
        + "raise the hard limit (ulimit -H\(ulimit.dropFirst()) unlimited, or Limit\(unit)=infinity in the unit)")
  }

  /// Undoes the rest for this process, which is to be a supervisor, and so for its servers. While it has one thread.
  package static func reset() throws(ServerFailure) {
    guard lx_reset_signals() == 0 else {
      throw ServerFailure("cannot block signals: \(Errno(rawValue: errno).description.lowercased())")
    }
    // A dump would hold patients' images.
    lx_forgo_dumps()
    lx_reset_scheduling()
    forgoSacrifice()
    // Neither the supervisor nor a server holds a folder busy.
    _ = chdir("/")
  }

  /// Where the caller is the first to go when memory is short, the mount is not.
  private static func forgoSacrifice() {
    // Less than the caller has is not for everybody to have; the mount is then as it was before.
    guard let file = try? Sys.openFile("/proc/self/oom_score_adj"), let bytes = try? Sys.readUnsized(file),
      let score = Int(String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first ?? ""),
      score > 0, let writer = fopen("/proc/self/oom_score_adj", "w")
    else { return }
    fputs("0", writer)
    fclose(writer)
  }

  /// Closes what the caller had open beyond the standard streams: a lock of a script, or a pipe to whose end somebody
  /// waits, would be held for as long as the mount is there.
  package static func closeDescriptors(but needed: CInt) { Heritage.closeAll(but: [0, 1, 2, needed]) }
}
