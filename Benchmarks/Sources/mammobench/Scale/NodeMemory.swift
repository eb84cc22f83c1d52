/// What the server holds for each file that the kernel remembers, and what is left of it once the kernel has forgotten.
struct NodeMemory: ScaleCase {
  let store: Store
  let files: Int

  var measures: [Measure] {
    [
      Measure(
        name: "memory", title: "server's memory per file that \(Figure.grouped(files)) calls of stat have met",
        unit: .bytes, goals: [.atMost(250)]),
      Measure(
        name: "memory-kept", title: "of that, kept after the kernel has forgotten them", unit: .bytes,
        goals: [.atMost(50)]),
    ]
  }

  func round() throws(Failure) -> [Double] {
    let server = try store.start()
    try server.waitUntilCounted()
    // What the first calls of all bring in is not the nodes'.
    for index in 0..<100 { try Paths.status(store.path(index, in: server.mountPoint)) }
    let before = try resident(server)
    for index in 100..<files { try Paths.status(store.path(index, in: server.mountPoint)) }
    let full = try resident(server)
    try Kernel.drop(.names)
    var kept = full
    // The server is told of each file by a message that nobody waits for, and may give memory back later.
    for _ in 0..<50 where kept > before {
      pause(milliseconds: 100)
      kept = try min(kept, resident(server))
    }
    try server.unmount()
    return [full - before, kept - before].map { Double($0) / Double(files - 100) }
  }

  private func resident(_ server: Server) throws(Failure) -> Int {
    try Kernel.residentBytesOfAll(from: server.child.process)
  }
}
