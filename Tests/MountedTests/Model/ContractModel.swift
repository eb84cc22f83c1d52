import Glibc

/// What the contract says of `images`, `thumbnails` and `temp/uploads`, as values: a tree, and what each call does to it.
///
/// A call returns the errnos that the contract allows it to fail with; none means that it succeeds, and then the model
/// has changed as the mount must have. More than one means that two rules forbid the call, and either may say so.
struct ContractModel {
  /// A path from the top, name by name.
  typealias Path = [String]

  struct Session {
    var chunks: [String: [UInt8]] = [:]
    /// Work names.
    var work: [String: [UInt8]] = [:]
    /// The target of a finished one, and what its marker reads as.
    var result: (target: Path, json: String)?
  }

  /// Folders below `images` and `thumbnails`.
  private(set) var folders: Set<Path> = []
  /// Images, thumbnails, work names and files of the workspace.
  private(set) var files: [Path: [UInt8]] = [:]
  private(set) var sessions: [String: Session] = [:]

  static let fixed: Set<Path> = [
    [], ["images"], ["thumbnails"], ["temp"], ["temp", "uploads"], ["temp", "processing"],
  ]

  // MARK: What is there

  func isFolder(_ path: Path) -> Bool {
    if Self.fixed.contains(path) || folders.contains(path) { return true }
    return path.count == 3 && Self.isInUploads(path) && sessions[path[2]] != nil
  }

  func content(_ path: Path) -> [UInt8]? {
    guard path.count == 4, let session = Self.isInUploads(path) ? sessions[path[2]] : nil else { return files[path] }
    if path[3] == ".complete" { return session.result.map { Array($0.json.utf8) } }
    return session.chunks[path[3]] ?? session.work[path[3]]
  }

  func exists(_ path: Path) -> Bool { isFolder(path) || content(path) != nil }

  func names(in folder: Path) -> [String] {
    if folder.count == 3, Self.isInUploads(folder), let session = sessions[folder[2]] {
      return Array(session.chunks.keys) + Array(session.work.keys) + (session.result == nil ? [] : [".complete"])
    }
    let all = Array(folders) + Array(files.keys) + sessions.keys.map { ["temp", "uploads", $0] }
    return all.filter { $0.count == folder.count + 1 && $0.starts(with: folder) }.compactMap(\.last)
  }

  /// All paths below the fixed ones, in an order that does not change.
  var paths: [Path] {
    let entries = sessions.flatMap { id, session in
      (session.chunks.keys.map { $0 } + session.work.keys.map { $0 } + [""]).map { name in
        ["temp", "uploads", id] + (name.isEmpty ? [] : [name])
      }
    }
    return (Array(folders) + Array(files.keys) + entries).sorted { $0.lexicographicallyPrecedes($1) }
  }

  var figures: (images: Count, thumbnails: Count, temp: Count, active: Int, completed: Int, users: Int) {
    func count(_ contents: some Collection<[UInt8]>) -> Count {
      Count(size: contents.reduce(0) { $0 + $1.count }, count: contents.count)
    }
    func published(_ area: String) -> Count { count(files.filter { $0.key[0] == area && !Self.isWork($0.key) }.values) }
    let temporary =
      Array(files.filter { $0.key[0] == "temp" || Self.isWork($0.key) }.values)
      + sessions.values.flatMap { session in
        Array(session.chunks.values) + Array(session.work.values) + (session.result.map { [Array($0.json.utf8)] } ?? [])
      }
    return (
      published("images"), published("thumbnails"), count(temporary),
      sessions.values.count { $0.result == nil }, sessions.values.count { $0.result != nil },
      Set(folders.filter { $0.count == 2 }.map { $0[1] }).count
    )
  }

  // MARK: Calls

  /// What stands in the way of reaching a name: a folder on the way that is missing, or is a file.
  private func obstacle(_ path: Path) -> [Int32] {
    for depth in path.indices where depth > 0 && !isFolder(Array(path[..<depth])) {
      return [content(Array(path[..<depth])) == nil ? ENOENT : ENOTDIR]
    }
    return []
  }

  mutating func mkdir(_ path: Path) -> [Int32] {
    if let errors = obstacle(path).nonEmpty { return errors }
    if exists(path) { return [EEXIST] }
    switch (Self.level(path), Self.isGoodName(path)) {
    case (.folder, true): folders.insert(path)
    case (.folder, false): return [EINVAL]
    case (.session, true): sessions[path[2]] = Session()
    case (.session, false): return [EINVAL]
    // A bad name is one reason, a folder among files another.
    case (.file, let isGood), (.entry, let isGood): return isGood ? [EPERM] : [EPERM, EINVAL]
    case (.none, _): return [EPERM]
    }
    return []
  }

  mutating func rmdir(_ path: Path) -> [Int32] {
    if let errors = obstacle(path).nonEmpty { return errors }
    guard isFolder(path) else { return [content(path) == nil ? ENOENT : ENOTDIR] }
    if Self.fixed.contains(path) { return [EPERM, EBUSY, ENOTEMPTY] }
    if Self.level(path) == .session {
      guard let session = sessions[path[2]], session.chunks.isEmpty, session.work.isEmpty else { return [ENOTEMPTY] }
      sessions[path[2]] = nil
      return []
    }
    guard names(in: path).isEmpty else { return [ENOTEMPTY] }
    folders.remove(path)
    return []
  }

  /// Creates a file or empties the one that is there, writes and closes it.
  mutating func put(_ path: Path, _ bytes: [UInt8]) -> [Int32] {
    if let errors = obstacle(path).nonEmpty { return errors }
    if isFolder(path) { return [EISDIR] }
    if content(path) == nil, let errors = refusesFile(path).nonEmpty { return errors }
    set(path, bytes)
    return []
  }

  mutating func truncate(_ path: Path, _ size: Int) -> [Int32] {
    if let errors = obstacle(path).nonEmpty { return errors }
    if isFolder(path) { return [EISDIR] }
    guard let old = content(path) else { return [ENOENT] }
    if path.last == ".complete" { return [EPERM] }
    set(path, Array(old.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - old.count)))
    return []
  }

  mutating func unlink(_ path: Path) -> [Int32] {
    if let errors = obstacle(path).nonEmpty { return errors }
    if isFolder(path) { return [EISDIR, EPERM] }
    guard content(path) != nil else { return [ENOENT] }
    set(path, nil)
    return []
  }

  mutating func rename(_ old: Path, _ new: Path) -> [Int32] {
    if let errors = obstacle(old).nonEmpty { return errors }
    if let errors = obstacle(new).nonEmpty { return errors }
    guard exists(old) else { return [ENOENT] }
    // A folder that holds what is to become its name.
    if old != new, old.starts(with: new) { return [ENOTEMPTY] }
    if Self.fixed.contains(old) || Self.fixed.contains(new) { return [EPERM, EBUSY, ENOTEMPTY, EXDEV, EINVAL, EISDIR] }
    if old == new { return [] }
    return isFolder(old) ? renameFolder(old, new) : renameFile(old, new)
  }

  private mutating func renameFolder(_ old: Path, _ new: Path) -> [Int32] {
    if new.starts(with: old) { return [EINVAL] }
    guard Self.level(old) == .folder, Self.level(new) == .folder, old.count == new.count, old[0] == new[0] else {
      return [EPERM, EXDEV, EINVAL, ENOTDIR, ENOTEMPTY]
    }
    guard Self.isGoodName(new) else { return [EINVAL] }
    if isFolder(new), !names(in: new).isEmpty { return [ENOTEMPTY] }
    func moved(_ path: Path) -> Path { path.starts(with: old) ? new + path.dropFirst(old.count) : path }
    folders = Set(folders.map(moved))
    files = Dictionary(uniqueKeysWithValues: files.map { (moved($0.key), $0.value) })
    return []
  }

  private mutating func renameFile(_ old: Path, _ new: Path) -> [Int32] {
    if isFolder(new) { return [EISDIR, EPERM, EXDEV, EINVAL] }
    let isInSession = (Self.level(old) == .entry, Self.level(new) == .entry)
    if isInSession != (true, true), isInSession != (false, false) { return [EXDEV, EPERM, EINVAL] }
    if isInSession.0, old[2] != new[2] { return Self.isGoodName(new) ? [EXDEV] : [EXDEV, EINVAL] }
    if isInSession.0, sessions[old[2]]?.result != nil { return [EPERM, EINVAL] }
    // What is at a bad name is refused for that, what is at a folder's level for being a file.
    var without = self
    without.set(old, nil)
    let errors = without.content(new) == nil ? without.refusesFile(new) : []
    if !errors.isEmpty { return isInSession.0 || Self.level(new) == .file ? errors : [EPERM, EINVAL] }
    set(new, content(old))
    set(old, nil)
    return []
  }

  /// Writes a marker that names `target`, and closes it.
  mutating func complete(_ id: String, _ target: Path, overwrite: Bool, totalChunks: Int?, size: Int?) -> [Int32] {
    guard var session = sessions[id] else { return [ENOENT] }
    let isWorkspace = target.count == 3 && target[0] == "temp" && target[1] == "processing"
    guard isWorkspace || (target.count == 5 && Self.areGoodNames(target) && !Self.isWork(target)) else {
      return [EINVAL]
    }
    if let result = session.result {
      let isSame = result.target == target && totalChunks ?? 0 == 0 && size ?? 0 == 0
      return isSame ? [] : [EPERM]
    }
    let ordered = session.chunks.keys.compactMap { name in Self.index(name).map { ($0.value, name) } }
      .sorted { $0.0 < $1.0 }
    let whole = ordered.flatMap { session.chunks[$0.1] ?? [] }
    var errors: [Int32] = []
    if ordered.isEmpty || ordered.last?.0 != ordered.count - 1 { errors.append(ENODATA) }
    if let totalChunks, totalChunks != ordered.count { errors.append(ENODATA) }
    if let size, size != whole.count { errors.append(EBADMSG) }
    if files[target] != nil, !overwrite { errors.append(EEXIST) }
    if isFolder(target) { errors += [EINVAL, EISDIR] }
    if !errors.isEmpty { return errors }
    for depth in 2..<target.count where !isWorkspace { folders.insert(Array(target[..<depth])) }
    files[target] = whole
    let path = target.joined(separator: "/")
    session.result = (
      target,
      "{\n  \"chunks\" : \(ordered.count),\n  \"size\" : \(whole.count),\n  \"storagePath\" : \"\(path)\"\n}\n"
    )
    session.chunks = [:]
    sessions[id] = session
    return []
  }

  private mutating func set(_ path: Path, _ bytes: [UInt8]?) {
    guard Self.level(path) == .entry else {
      files[path] = bytes
      return
    }
    if path[3].hasPrefix(".") {
      sessions[path[2]]?.work[path[3]] = bytes
    } else {
      sessions[path[2]]?.chunks[path[3]] = bytes
    }
  }
}

extension Array {
  fileprivate var nonEmpty: Self? { isEmpty ? nil : self }
}
