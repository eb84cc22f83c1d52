import Glibc
import Testing

/// Servers that write into the mount: SFTP and DICOM.
@Suite("Tools of the network", .mounting, .timeLimit(.minutes(15)))
struct NetworkToolTests {
  @Test("sftp puts and gets, keeps times, renames and removes", .needs("sftp", Prerequisites.sftpServer, "cmp"))
  func sftp() throws {
    try withMount { m in
      try Files.write(Bytes.pattern(500_000), to: m.beside("in.dcm"))
      try m.sh(
        #"""
        touch -d '2020-02-03 04:05:06' in.dcm
        cat > batch <<END
        mkdir $M/images/user-7
        mkdir $M/images/user-7/2026
        mkdir $M/images/user-7/2026/11
        cd $M/images/user-7/2026/11
        put in.dcm
        put -p in.dcm kept.dcm
        put in.dcm old.dcm
        rename old.dcm new.dcm
        chmod 600 new.dcm
        get in.dcm out.dcm
        put -f in.dcm synced.dcm
        rm synced.dcm
        df $M
        ls -la
        mkdir $M/temp/uploads/s
        put in.dcm $M/temp/uploads/s/chunk_0
        END
        sed -i 's/^ *//' batch
        sftp -D "$SFTP_SERVER" -b batch
        cd "$M/images/user-7/2026/11"
        for file in in.dcm kept.dcm new.dcm; do cmp "$file" "$D/in.dcm"; cmp "$R/images/user-7/2026/11/$file" "$D/in.dcm"; done
        cmp "$D/out.dcm" "$D/in.dcm"
        test "$(stat -c %Y kept.dcm)" = "$(stat -c %Y "$D/in.dcm")"
        test "$(stat -c %a new.dcm)" = 600
        test "$(ls | wc -l)" = 3
        cmp "$M/temp/uploads/s/chunk_0" "$D/in.dcm"
        """#, ["SFTP_SERVER": Prerequisites.sftpServer])
      try m.expectStatsAsWalked()
    }
  }

  @Test("sftp puts a marker, and its refusal reaches the client", .needs("sftp", Prerequisites.sftpServer))
  func sftpMarker() throws {
    try withMount { m in
      let upload = try Upload(m)
      let whole = try upload.fill(["chunk_0", "chunk_2"])
      try Files.write("images/user-7/2026/11/a.dcm", to: m.beside("marker"))
      let put = """
        echo "put marker $M/\(upload.marker)" > batch
        sftp -D "$SFTP_SERVER" -b batch
        """
      let variables = ["SFTP_SERVER": Prerequisites.sftpServer]
      _ = try m.run(put, variables)
      #expect(try upload.stats().chunks == 2 && upload.stats().error != nil)
      #expect(!Files.exists(m["images/user-7"]))
      #expect(rename(upload["chunk_2"], upload["chunk_1"]) == 0)
      try m.sh(put, variables)
      try upload.expectComplete("images/user-7/2026/11/a.dcm", whole, chunks: 2)
    }
  }

  @Test("dcmtk's storescp, fed by storescu, files images into a month", .needs("storescp", "storescu", "python3"))
  func storescp() throws {
    try withMount { m in
      let month = try m.month()
      try Files.makeFolder(m.beside("send"))
      for instance in 1...5 {
        try Files.write(
          Dicom.mammogram(instance: instance, rows: 200, columns: 100), to: m.beside("send/\(instance).dcm"))
      }
      try m.sh(
        #"""
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        storescp -od "$M/$P" +B "$port" > storescp.log 2>&1 &
        server=$!
        trap 'kill $server 2> /dev/null; wait $server 2> /dev/null || true' EXIT
        sent=no
        for attempt in $(seq 200); do
          if storescu 127.0.0.1 "$port" send/1.dcm > storescu.log 2>&1; then sent=yes; break; fi
          kill -0 $server || break
          sleep 0.05
        done
        test $sent = yes || { cat storescp.log storescu.log >&2; exit 1; }
        storescu 127.0.0.1 "$port" send/*.dcm > storescu.log 2>&1 || { cat storescp.log storescu.log >&2; exit 1; }
        test "$(ls "$M/$P" | wc -l)" = 5
        """#, ["P": month], seconds: 90)
      // With +B the server writes the bytes exactly as they came, so the pixels end each file.
      let names = try Files.names(in: m[month])
      #expect(names.allSatisfy { $0.hasPrefix("DXm.") }, "\(names)")
      for name in names {
        let content = try Files.read(m["\(month)/\(name)"])
        let instance = Int(name.split(separator: ".").last ?? "") ?? 0
        #expect(content.suffix(40_000).elementsEqual(Bytes.pattern(40_000, seed: instance)), "\(name)")
        #expect(Files.exists(m.stored("\(month)/\(name)")))
      }
      try m.expectStatsAsWalked()
    }
  }

  @Test("Real mammograms come back as they went in", .enabled(if: Prerequisites.samples != nil, "no sample files"))
  func samples() throws {
    try withMount { m in
      let month = try m.month()
      let folder = try #require(Prerequisites.samples)
      for name in Prerequisites.dicomFiles(in: folder) {
        try m.sh(
          """
          cp "$F" "$M/\(month)/$N"
          mkdir "$M/temp/uploads/$N" && split -b 300K "$F" "$M/temp/uploads/$N/chunk_"
          echo "\(month)/again-$N" > "$M/temp/uploads/$N/.complete"
          for file in "$M/\(month)/$N" "$M/\(month)/again-$N" "$R/\(month)/again-$N"; do cmp "$F" "$file"; done
          """, ["F": "\(folder)/\(name)", "N": name])
      }
      try m.expectStatsAsWalked()
    }
  }
}
