/// A case: what is done, in which folders, and which figures it yields. The same calls run on every target; only where
/// the mount has a way of its own (the upload) does a case look at the target's kind.
protocol Benchmark {
  /// In the order in which `round` returns them.
  var measures: [Measure] { get }

  /// Does it make sense there?
  func runs(on target: Target) -> Bool

  /// Puts files in place that are too many to be made through a mount. `root` is a target's directory, before anything
  /// is mounted on it where the target's files are plain.
  func plant(in root: String) throws(Failure)

  /// Done once per target, and not timed.
  func prepare(_ target: Target) throws(Failure)

  /// One round: a figure per measure. Starts with everything written out, leaves the target as it found it.
  func round(_ target: Target) throws(Failure) -> [Double]

  /// Takes away what `prepare` made.
  func clean(_ target: Target) throws(Failure)
}

extension Benchmark {
  func runs(on target: Target) -> Bool { true }
  func plant(in root: String) throws(Failure) {}
  func prepare(_ target: Target) throws(Failure) {}
  func clean(_ target: Target) throws(Failure) {}
}
