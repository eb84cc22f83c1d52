extension Place {
  /// Whether a folder that is not renamed from here to a place of another tree is taken there as a copy, with what such
  /// a folder mostly holds.
  package func canBeCopied(to other: Place) -> Bool {
    switch (self, other) {
    case (.user(let area), .user(let target)), (.year(let area), .year(let target)),
      (.month(let area), .month(let target)):
      area != target
    case (.user, .workspaceEntry), (.year, .workspaceEntry), (.month, .workspaceEntry), (.session, .workspaceEntry),
      (.workspaceEntry, .user), (.workspaceEntry, .year), (.workspaceEntry, .month), (.workspaceEntry, .session):
      true
    // Chunks are good names for images, images are none for chunks, and neither are for thumbnails.
    case (.session, .month(let area)): area == .images
    default: false
    }
  }
}
