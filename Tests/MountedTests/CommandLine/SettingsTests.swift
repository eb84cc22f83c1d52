import Testing

/// Where the storage root comes from.
@Suite("Settings", .mounting, .timeLimit(.minutes(15)))
struct SettingsTests {
  @Test("The storage root comes from --root, then STORAGE_ROOT, then .env, then ./storage")
  func settings() throws {
    try withoutMount { m in
      let mount = "\"$B\" mount \"$M\" 2>> server.log; test -d \"$EXPECTED/images\"; \"$B\" unmount \"$M\""
      try m.sh("mkdir d1; cd d1; EXPECTED=storage; mkdir storage; \(mount)")
      try m.sh(
        """
        mkdir d2; cd d2
        printf '# settings\\nOTHER=1\\nSTORAGE_ROOT=from-file\\n' > .env
        mkdir from-file; EXPECTED=from-file; \(mount)
        mkdir from-environment; EXPECTED=from-environment; export STORAGE_ROOT=$PWD/from-environment; \(mount)
        mkdir from-option
        "$B" mount "$M" --root from-option 2>> ../server.log
        test -d from-option/images
        "$B" unmount "$M"
        """)
      #expect(!m.isMounted)
    }
  }

  @Test(
    ".env is read as dotenv does",
    arguments: [
      ("STORAGE_ROOT=./x # comment", "x"),
      ("STORAGE_ROOT=x#y\t# comment", "x#y"),
      ("STORAGE_ROOT = 'x # y' # comment", "x # y"),
      ("export STORAGE_ROOT=\"x # \\\"y\\\"\"# comment", "x # \"y\""),
      ("STORAGE_ROOT= # comment", "storage"),
      ("# STORAGE_ROOT=x\n STORAGE_ROOT=a b \r\nOTHER=x", "a b"),
      ("STORAGE_ROOT=it's", "it's"),
    ])
  func dotEnv(content: String, folder: String) throws {
    try withoutMount { m in
      try Files.write("\(content)\n", to: m.beside(".env"))
      try m.sh(
        """
        "$B" mount "$M" 2>> server.log
        test -d "$FOLDER/images"
        "$B" unmount "$M"
        """, ["FOLDER": folder])
    }
  }
}
