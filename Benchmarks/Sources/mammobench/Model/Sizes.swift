/// How much of everything. Bytes where nothing else is said.
struct Sizes: Codable, Sendable {
  /// The file of the sequential cases.
  var file = 512 << 20
  var randomReads = 200_000
  /// Calls of stat, over `names` files.
  var stats = 400_000
  var names = 1_000
  /// Entries of the folder that is listed by name.
  var entries = 100_000
  /// Entries of the folder that is listed with each entry's status.
  var wardEntries = 10_000
  /// Files of 64 KiB that are made, read and removed.
  var smallFiles = 2_000
  var upload = 1 << 30
  var chunk = 5 << 20
  /// Files of the size of a mammogram that tools copy.
  var copies = 200
  /// Files of the store in the cases of scale.
  var storeFiles = 1_000_000
  /// Files that the kernel is made to remember.
  var remembered = 100_000

  static let full = Sizes()
  static let quick = Sizes(
    file: 64 << 20, randomReads: 50_000, stats: 100_000, entries: 10_000, wardEntries: 2_000, smallFiles: 500,
    upload: 128 << 20, copies: 40, storeFiles: 100_000, remembered: 20_000)
}
