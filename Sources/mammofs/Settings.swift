import Glibc
import StorageCore
import SystemPackage

/// Where settings come from when no option gives them.
enum Settings {
  /// The storage root: the option, else `STORAGE_ROOT`, else `.env`'s, else `./storage`.
  static func root(_ option: String?) -> String {
    if let option { return option }
    if let value = getenv("STORAGE_ROOT"), value.pointee != 0 { return String(cString: value) }
    return dotEnv.values["STORAGE_ROOT"] ?? "./storage"
  }

  /// `.env` in the working directory.
  private static var dotEnv: DotEnv {
    let bytes = try? Sys.readAll(Sys.openFile(".env"), limit: 1 << 20)
    return DotEnv(parsing: String(decoding: bytes ?? [], as: UTF8.self))
  }
}
