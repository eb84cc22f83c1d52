internal import StorageCore

/// A place as a number that every version of the program understands.
extension Place {
  var code: UInt8 {
    switch self {
    case .root: 1
    case .rootStats: 2
    case .rootErrors: 3
    case .temp: 4
    case .uploads: 5
    case .session: 6
    case .chunk: 7
    case .sessionWork: 8
    case .marker: 9
    case .sessionStats: 10
    case .workspace: 11
    case .workspaceEntry: 12
    case .userStats: 13
    case .area(let area): 16 + area.code
    case .user(let area): 18 + area.code
    case .year(let area): 20 + area.code
    case .month(let area): 22 + area.code
    case .image(let area): 24 + area.code
    case .work(let area): 26 + area.code
    }
  }

  init?(code: UInt8) {
    let area: Area = code & 1 == 0 ? .images : .thumbnails
    switch code {
    case 1: self = .root
    case 2: self = .rootStats
    case 3: self = .rootErrors
    case 4: self = .temp
    case 5: self = .uploads
    case 6: self = .session
    case 7: self = .chunk
    case 8: self = .sessionWork
    case 9: self = .marker
    case 10: self = .sessionStats
    case 11: self = .workspace
    case 12: self = .workspaceEntry
    case 13: self = .userStats
    case 16, 17: self = .area(area)
    case 18, 19: self = .user(area)
    case 20, 21: self = .year(area)
    case 22, 23: self = .month(area)
    case 24, 25: self = .image(area)
    case 26, 27: self = .work(area)
    default: return nil
    }
  }
}

extension Area {
  fileprivate var code: UInt8 {
    switch self {
    case .images: 0
    case .thumbnails: 1
    }
  }
}
