import Glibc
import Testing

/// What a shell completes.
@Suite("Completion", .mounting, .timeLimit(.minutes(15)))
struct CompletionTests {
  @Test(
    "bash completes paths wherever the program takes one",
    arguments: [
      ("mount fold", "folder"), ("mount mnt --root fold", "folder"), ("unmount fold", "folder"),
      ("upgrade fold", "folder"), ("stats fold", "folder"), ("has-space fold", "folder"), ("cleanup fold", "folder"),
      ("verify folder/fi", "folder/file.dcm"), ("upload folder/fi", "folder/file.dcm"),
      ("upload folder/file.dcm fold", "folder"),
    ])
  func bash(line: String, completed: String) throws {
    try withoutMount { m in
      let words = (["mammofs"] + line.split(separator: " ").map(String.init))
      try m.sh(
        #"""
        mkdir folder
        touch folder/file.dcm
        "$B" --generate-completion-script bash > completion
        set +eu
        . ./completion
        COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_WORDS=($LINE) COMP_CWORD=$LAST COMP_TYPE=9 COMP_KEY=9
        _mammofs mammofs "${COMP_WORDS[LAST]}" "${COMP_WORDS[LAST-1]}"
        printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -e "$COMPLETED" -e "$COMPLETED/"
        """#, ["LINE": words.joined(separator: " "), "LAST": "\(words.count - 1)", "COMPLETED": completed])
    }
  }
}
