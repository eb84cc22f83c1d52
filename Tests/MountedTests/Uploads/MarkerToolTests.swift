import Testing

/// A way of writing a file that some tool has.
struct MarkerWay: CustomTestStringConvertible, Sendable {
  let name: String
  /// `S` is the session, `T` a plain file with what the marker is to hold, `W` the workspace.
  let script: String

  init(_ name: String, _ script: String) {
    self.name = name
    self.script = script
  }

  var testDescription: String { name }
}

/// The marker, written in each way that tools write files.
@Suite("A marker written by", .mounting, .timeLimit(.minutes(15)))
struct MarkerToolTests {
  static let filledMarkers: [MarkerWay] = [
    MarkerWay("echo", #"echo "$(cat "$T")" > "$S/.complete""#),
    MarkerWay("printf without a newline", #"printf %s "$(cat "$T")" > "$S/.complete""#),
    MarkerWay("an appending echo", #"echo "$(cat "$T")" >> "$S/.complete""#),
    MarkerWay("cat from a here-document", "cat > \"$S/.complete\" <<END\n$(cat \"$T\")\nEND"),
    MarkerWay("cp", #"cp "$T" "$S/.complete""#),
    MarkerWay("cp -p", #"cp -p "$T" "$S/.complete""#),
    MarkerWay("dd", #"dd if="$T" of="$S/.complete" status=none"#),
    MarkerWay("dd byte by byte", #"dd if="$T" of="$S/.complete" bs=1 status=none"#),
    MarkerWay("dd with fsync", #"dd if="$T" of="$S/.complete" conv=fsync status=none"#),
    MarkerWay("tee", #"tee "$S/.complete" < "$T" > /dev/null"#),
    MarkerWay("tee -a", #"tee -a "$S/.complete" < "$T" > /dev/null"#),
    MarkerWay("install", #"install -m 0644 "$T" "$S/.complete""#),
    MarkerWay("mv from a work name", #"cp "$T" "$S/.complete.tmp"; mv "$S/.complete.tmp" "$S/.complete""#),
    MarkerWay("mv from outside the mount", #"cp "$T" "$T.2"; mv "$T.2" "$S/.complete""#),
    MarkerWay("mv from the workspace", #"cp "$T" "$W/marker"; mv "$W/marker" "$S/.complete""#),
    MarkerWay(
      "a subshell whose child exits before the content is written",
      #"( /bin/true; (exit 0); /bin/cat /dev/null; cat "$T" ) > "$S/.complete""#),
    MarkerWay("several commands in one redirection", #"{ head -c 9 "$T"; tail -c +10 "$T"; } > "$S/.complete""#),
    MarkerWay(
      "a descriptor kept open over children",
      #"exec 5> "$S/.complete"; /bin/true; head -c 9 "$T" >&5; /bin/true; tail -c +10 "$T" >&5; exec 5>&-"#),
  ]

  static let markersOfOthers: [MarkerWay] = [
    MarkerWay("rsync", #"mkdir out; cp "$T" out/.complete; rsync out/.complete "$S/""#),
    MarkerWay("rsync -a of a folder", #"mkdir out; cp "$T" out/.complete; rsync -a out/ "$S""#),
    MarkerWay("rsync --inplace", #"mkdir out; cp "$T" out/.complete; rsync --inplace out/.complete "$S/""#),
    MarkerWay(
      "python in one write",
      #"python3 -c 'import sys; open(sys.argv[2], "wb").write(open(sys.argv[1], "rb").read())' "$T" "$S/.complete""#),
    MarkerWay(
      "python's shutil",
      #"python3 -c 'import shutil, sys; shutil.copy2(sys.argv[1], sys.argv[2])' "$T" "$S/.complete""#),
  ]

  static let emptyMarkers: [MarkerWay] = [
    MarkerWay(": >", #": > "$S/.complete""#),
    MarkerWay("touch", #"touch "$S/.complete""#),
    MarkerWay("touch -d", #"touch -d '2020-01-01' "$S/.complete""#),
    MarkerWay("cp /dev/null", #"cp /dev/null "$S/.complete""#),
    MarkerWay("dd of nothing", #"dd if=/dev/null of="$S/.complete" status=none"#),
    MarkerWay("tee of nothing", #"tee "$S/.complete" < /dev/null"#),
    MarkerWay("install of nothing", #"install -m 0644 /dev/null "$S/.complete""#),
    MarkerWay("mv from a work name", #": > "$S/.m"; mv "$S/.m" "$S/.complete""#),
    MarkerWay("mv from outside the mount", #": > empty; mv empty "$S/.complete""#),
    MarkerWay("mv from the workspace", #": > "$W/empty"; mv "$W/empty" "$S/.complete""#),
    MarkerWay("truncate", #"truncate -s 0 "$S/.complete""#),
    MarkerWay("echo of spaces", #"echo '  ' > "$S/.complete""#),
  ]

  @Test("completes the session as it says", arguments: filledMarkers)
  func content(way: MarkerWay) throws { try complete(way) }

  @Test("completes the session as it says", .needs("rsync", "python3"), arguments: markersOfOthers)
  func contentByOthers(way: MarkerWay) throws { try complete(way) }

  private func complete(_ way: MarkerWay) throws {
    for marker in ["images/user-7/2026/11/a.dcm", #"{"path": "images/user-7/2026/11/a.dcm", "totalChunks": 3}"#] {
      try withMount { m in
        let upload = try Upload(m)
        let whole = try upload.fill()
        try Files.write(marker, to: m.beside("marker"))
        try m.sh(way.script, ["S": m[upload.path], "T": m.beside("marker"), "W": m["temp/processing"]])
        try upload.expectComplete("images/user-7/2026/11/a.dcm", whole, chunks: 3)
        try m.expectStatsAsWalked()
      }
    }
  }

  @Test("puts the file into the workspace when it is empty", arguments: emptyMarkers)
  func empty(way: MarkerWay) throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill()
      try m.sh(way.script, ["S": m[upload.path], "W": m["temp/processing"]])
      try upload.expectComplete("temp/processing/s1", whole, chunks: 3)
      try m.month()
      try m.sh("mv \"$M/temp/processing/s1\" \"$M/images/user-7/2026/11/a.dcm\"")
      #expect(try Files.read(m.stored("images/user-7/2026/11/a.dcm")) == whole)
      try m.expectStatsAsWalked()
    }
  }

  @Test("a marker that is refused fails the tool that writes it, and the next one works", arguments: filledMarkers)
  func refused(way: MarkerWay) throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill(["chunk_0", "chunk_1", "chunk_3"])
      try Files.write("images/user-7/2026/11/a.dcm", to: m.beside("marker"))
      let variables = ["S": m[upload.path], "T": m.beside("marker"), "W": m["temp/processing"]]
      let outcome = try m.run("set -e\n" + way.script, variables)
      // A shell does not look at what close(2) returns; the others do.
      let tools = ["cp", "cp -p", "mv from a work name", "mv from outside the mount", "install", "dd"]
      if tools.contains(way.name) { #expect(outcome.status != 0, "\(way.name) did not fail: \(outcome)") }
      #expect(try upload.stats().chunks == 3)
      #expect(try upload.stats().error != nil)
      #expect(!Files.exists(upload[".complete"]))
      #expect(!Files.exists(m["images/user-7"]), "nothing was published")
      #expect(try m.refusals().contains { $0.contains("ENODATA") })
      #expect(rename3(upload))
      try m.sh(way.script, variables)
      try upload.expectComplete("images/user-7/2026/11/a.dcm", whole, chunks: 3)
    }
  }

  /// Repairs the gap that the test left.
  private func rename3(_ upload: Upload) -> Bool {
    (try? upload.mounted.sh("mv \"$M/\(upload.path)/chunk_3\" \"$M/\(upload.path)/chunk_2\"")) != nil
  }
}
