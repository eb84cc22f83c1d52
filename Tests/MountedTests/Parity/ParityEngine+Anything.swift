extension ParityEngine {
  /// Calls drawn by chance from a seed, with the plain folder as the model.
  ///
  /// Few names and few open files, so that the calls get into each other's way. After
  /// each hundred calls the two trees are compared whole.
  static let anything = #"""
    prepare()
    options["ticks"] = False
    chance = random.Random(int(os.environ["SEED"]))
    is_workspace = os.environ["PLACE"] == "workspace"
    folders = ["", "d1", "d2", "d1/e"] if is_workspace else [""]
    plain_names = ["a", "b", "c", "é", "x.dcm", ".tmp.1", ".tmp.2"]
    opened = []
    do = CALLS
    flags = [do["RDONLY"], do["WRONLY"], do["RDWR"], do["RDWR"] | do["CREAT"], do["WRONLY"] | do["CREAT"] | do["TRUNC"],
             do["RDWR"] | do["CREAT"] | do["EXCL"], do["WRONLY"] | do["APPEND"] | do["CREAT"], do["RDWR"] | do["TRUNC"]]
    spaces = [0, do["KEEP_SIZE"], do["PUNCH_HOLE"] | do["KEEP_SIZE"]]
    moments = [do["NOW"], do["OMIT"], 1_234_567_890_123_456_789, 86_400 * 10**9, 1]

    def path(): return os.path.join(chance.choice(folders), chance.choice(plain_names))
    def folder(): return chance.choice([f for f in folders if f] or [""])
    def size(): return chance.choice([0, 1, 4095, 4096, 10_000, 70_000])
    def content(): return bytes([chance.randrange(256)]) * size()

    def open_one():
        file = do["open"](path(), chance.choice(flags), chance.choice([0o600, 0o644, 0o755]))
        if file.descriptors[0] < 0: return
        # Where a folder is read up to is its file system's own matter.
        is_file = do["fstat"](file)["kind"] == "file"
        opened.append(file) if is_file else do["close"](file)

    def close_one():
        if opened: do["close"](opened.pop(chance.randrange(len(opened))))

    def with_open(call, *arguments):
        if opened: do[call](chance.choice(opened), *(argument() for argument in arguments))

    def with_two():
        if len(opened) > 1: do["copyrange"](chance.choice(opened), chance.choice(opened), size(), size(), size())

    def attribute(): return chance.choice(["user.a", "user.b", "user.ü"])

    steps = [
        (12, open_one), (8, close_one), (6, lambda: do["put"](path(), content())), (6, lambda: do["get"](path())),
        (8, lambda: with_open("write", content)), (8, lambda: with_open("pwrite", content, size)),
        (5, lambda: with_open("pread", size, size)), (4, lambda: with_open("ftruncate", size)),
        (2, lambda: with_open("fsync")), (4, lambda: with_open("fstat")), (3, with_two),
        (3, lambda: with_open("fallocate", lambda: chance.choice(spaces), size, lambda: size() + 1)),
        (2, lambda: with_open("fchmod", lambda: chance.choice([0o600, 0o640, 0o777]))),
        (2, lambda: with_open("futimens", lambda: chance.choice(moments), lambda: chance.choice(moments))),
        (2, lambda: with_open("lseek", size, lambda: chance.choice([do["SEEK_SET"], do["SEEK_END"], do["SEEK_CUR"]]))),
        (5, lambda: do["truncate"](path(), size())), (9, lambda: do["rename"](path(), path())),
        (4, lambda: do["rename2"](path(), path(), chance.choice([do["NOREPLACE"], do["EXCHANGE"]]))),
        (9, lambda: do["unlink"](path())), (5, lambda: do["lstat"](path())),
        (2, lambda: do["chmod"](path(), chance.choice([0o600, 0o4755, 0o644]))),
        # Not -1 twice: the kernel keeps a change of nothing to itself, with the set-user-ID that it would clear.
        (2, lambda: do["chown"](path(), *chance.choice([(-1, 0), (-1, 8), (0, -1), (7, -1), (0, 8), (7, 0)]))),
        (2, lambda: do["utimens"](path(), chance.choice(moments), chance.choice(moments))),
        (2, lambda: do["setxattr"](path(), attribute(), content()[:900])), (1, lambda: do["listxattr"](path())),
        (1, lambda: do["getxattr"](path(), attribute())), (1, lambda: do["removexattr"](path(), attribute())),
        (3, lambda: do["names"](folder())), (1, lambda: do["kinds"](folder())),
    ]
    if is_workspace:
        steps += [
            (5, lambda: do["mkdir"](folder(), chance.choice([0o755, 0o2775]))), (3, lambda: do["mkdir"](path())),
            (3, lambda: do["rmdir"](folder())), (2, lambda: do["rmdir"](path())),
            (4, lambda: do["link"](path(), path())), (2, lambda: do["readlink"](path())),
            (3, lambda: do["symlink"](chance.choice(plain_names + ["nowhere"]), path())),
            (2, lambda: do["rename"](folder(), folder())),
        ]
    weights = [weight for weight, _ in steps]
    for number in range(int(os.environ["COUNT"])):
        chance.choices(steps, weights)[0][1]()
        if len(opened) > 6: close_one()
        if number % 100 == 99: do["tree"]("")
    while opened: close_one()
    do["tree"]("")
    # Work files are counted, but have no place in the storage root.
    for name in (".tmp.1", ".tmp.2"): do["unlink"](name)
    """# + "\n"
}
