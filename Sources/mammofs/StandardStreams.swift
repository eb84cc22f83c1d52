import Glibc

/// The descriptors 0, 1 and 2.
enum StandardStreams {
  /// Opens those that the program was started without: what is opened next would get their numbers, and what is said
  /// to standard error would be written into that.
  static func open() {
    for number in 0...2 as ClosedRange<Int32> where fcntl(number, F_GETFD) < 0 {
      // Gets the lowest number that is free, which is this one.
      _ = Glibc.open("/dev/null", O_RDWR)
    }
  }
}
