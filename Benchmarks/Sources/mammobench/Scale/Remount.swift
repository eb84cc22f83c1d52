import Glibc

/// From starting the server until the mount answers, after it was unmounted as it should be.
struct CleanRemount: ScaleCase {
  let store: Store

  var measures: [Measure] {
    [
      Measure(
        name: "remount", title: "mounting \(Figure.grouped(store.files)) files after a clean unmount", unit: .seconds,
        goals: [.atMost(1)])
    ]
  }

  func round() throws(Failure) -> [Double] {
    let before = try store.start()
    try before.waitUntilCounted()
    try before.unmount()
    let watch = Stopwatch()
    let server = try store.start()
    let seconds = watch.seconds
    guard server.text()?.contains("\"counting\"") == false else { throw Failure("counting after a clean unmount") }
    try server.unmount()
    return [seconds]
  }
}

/// After a kill: how long until the mount answers, and at which rate the files are counted anew, from the start of the
/// server on; with the kernel's caches as the kill left them, and dropped as after a power cut.
struct Recount: ScaleCase {
  let store: Store

  var measures: [Measure] {
    let files = Figure.grouped(store.files)
    return [
      Measure(name: "killed-mount", title: "mounting \(files) files after a kill", unit: .seconds, goals: [.atMost(1)]),
      Measure(
        name: "killed-count", title: "counting after a kill, files", unit: .perSecond, goals: [.atLeast(200_000)]),
      Measure(name: "killed-count-cold", title: "counting after a kill, caches dropped, files", unit: .perSecond),
    ]
  }

  func round() throws(Failure) -> [Double] {
    let server = try store.start()
    try server.waitUntilCounted()
    server.kill()
    let warm = try count()
    warm.server.kill()
    try Kernel.drop(.all)
    let cold = try count()
    try cold.server.unmount()
    return [warm.answered, Double(store.files) / warm.counted, Double(store.files) / cold.counted]
  }

  /// Seconds until the mount answers, and until its figures are exact.
  private func count() throws(Failure) -> (server: Server, answered: Double, counted: Double) {
    let watch = Stopwatch()
    let server = try store.start()
    let answered = watch.seconds
    try server.waitUntilCounted()
    return (server, answered, watch.seconds)
  }
}
