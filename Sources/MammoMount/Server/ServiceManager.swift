internal import Glibc

/// Tells a service manager how the server is doing (systemd's `Type=notify`).
package enum ServiceManager {
  /// Sends `state`, such as `READY=1`, where somebody listens.
  ///
  /// The corresponding C function is `sd_notify`.
  package static func notify(_ state: String) {
    guard let path = getenv("NOTIFY_SOCKET") else { return }
    UnixSocket.send(state, to: String(cString: path))
  }
}
