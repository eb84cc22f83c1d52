import Glibc

/// Small DICOM files, valid enough for dcmtk to send them.
enum Dicom {
  private static let mammography = "1.2.840.10008.5.1.4.1.1.1.2"
  private static let explicitLittleEndian = "1.2.840.10008.1.2.1"

  /// A digital mammogram of `rows` × `columns` pixels of 16 bits, for presentation.
  static func mammogram(instance: Int, rows: Int = 16, columns: Int = 16) -> [UInt8] {
    let identifier = "1.2.826.0.1.3680043.10.999.\(instance)"
    var meta: [UInt8] = []
    meta += element(0x0002, 0x0001, "OB", [0, 1])
    meta += element(0x0002, 0x0002, "UI", mammography)
    meta += element(0x0002, 0x0003, "UI", identifier)
    meta += element(0x0002, 0x0010, "UI", explicitLittleEndian)
    meta += element(0x0002, 0x0012, "UI", "1.2.826.0.1.3680043.10.999")
    var data: [UInt8] = []
    data += element(0x0008, 0x0016, "UI", mammography)
    data += element(0x0008, 0x0018, "UI", identifier)
    data += element(0x0008, 0x0060, "CS", "MG")
    data += element(0x0010, 0x0010, "PN", "Test^Patient")
    data += element(0x0010, 0x0020, "LO", "T\(instance)")
    data += element(0x0020, 0x000D, "UI", "\(identifier).1")
    data += element(0x0020, 0x000E, "UI", "\(identifier).2")
    data += element(0x0028, 0x0002, "US", short(1))
    data += element(0x0028, 0x0004, "CS", "MONOCHROME2")
    data += element(0x0028, 0x0010, "US", short(rows))
    data += element(0x0028, 0x0011, "US", short(columns))
    data += element(0x0028, 0x0100, "US", short(16))
    data += element(0x0028, 0x0101, "US", short(12))
    data += element(0x0028, 0x0102, "US", short(11))
    data += element(0x0028, 0x0103, "US", short(0))
    data += element(0x7FE0, 0x0010, "OW", Bytes.pattern(rows * columns * 2, seed: instance))
    let group = element(0x0002, 0x0000, "UL", long(meta.count))
    return [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + group + meta + data
  }

  private static func element(_ group: Int, _ number: Int, _ representation: String, _ text: String) -> [UInt8] {
    let padding: UInt8 = representation == "UI" ? 0 : 0x20
    let bytes = Array(text.utf8)
    return element(group, number, representation, bytes.count.isMultiple(of: 2) ? bytes : bytes + [padding])
  }

  private static func element(_ group: Int, _ number: Int, _ representation: String, _ value: [UInt8]) -> [UInt8] {
    let isLong = ["OB", "OW"].contains(representation)
    let length = isLong ? [0, 0] + long(value.count) : short(value.count)
    return short(group) + short(number) + Array(representation.utf8) + length + value
  }

  private static func short(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }

  private static func long(_ value: Int) -> [UInt8] { short(value & 0xFFFF) + short(value >> 16) }
}
