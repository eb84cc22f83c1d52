/// All cases that compare targets, in the order of the table.
enum Catalogue {
  static func all(_ sizes: Sizes, _ material: Material) -> [any Benchmark] {
    [
      SequentialWrite(fileBytes: sizes.file, blockBytes: 1 << 20),
      SequentialWrite(fileBytes: sizes.file, blockBytes: 128 << 10),
      SequentialRead(fileBytes: sizes.file),
      RandomRead(fileBytes: sizes.file / 2, reads: sizes.randomReads),
      CachedStatus(names: sizes.names, calls: sizes.stats),
      NamesOnly(entries: sizes.entries),
      NamesWithStatus(entries: sizes.wardEntries),
      SmallFiles(count: sizes.smallFiles, disk: material.disk),
      Completion(largeBytes: sizes.upload, chunkBytes: sizes.chunk, material: material),
      Upload(bytes: sizes.upload, chunkBytes: sizes.chunk, writers: 1, material: material),
      Upload(bytes: sizes.upload, chunkBytes: sizes.chunk, writers: 4, material: material),
      CopyTree(files: sizes.copies, material: material),
      Checksums(files: sizes.copies, material: material),
      RsyncTree(files: sizes.copies, material: material),
    ]
  }
}
