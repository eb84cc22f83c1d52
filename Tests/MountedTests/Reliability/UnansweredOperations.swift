extension MountedRoot {
  /// The operations, as methods of the class with which ``cells`` ends: `before_` what is done before the server is traced.
  static let operations = #"""
        # The operations.

        def do(self):
            self.result = self.attempt(getattr(self, "do_" + self.operation)) if self.prepared is None else "unprepared"

        def close(self):
            while self.opened:
                try: os.close(self.opened.pop(0))
                except OSError: pass

        def behind(self, change, path):
            """Behind the mount's back, which then has to refuse what the kernel believes."""
            if self.kind in ("file", "folder", "link") and "T" in self.normal(path) and not "chunk_" in path:
                try: os.lstat(path)
                except OSError: pass
                change(self.stored(path))
        def away(self, path):
            (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)

        def keep(self, descriptor): self.opened.append(descriptor)
        def do_create(self): self.keep(os.open(self.absent, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640))
        def do_create_anyway(self): self.keep(os.open(self.absent, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o640))
        def before_create_taken(self): self.behind(lambda path: put(path, b"taken"), self.absent)
        do_create_taken = do_create
        def do_mkdir(self): os.mkdir(self.absent)
        def before_mkdir_taken(self): self.behind(os.mkdir, self.absent)
        do_mkdir_taken = do_mkdir
        def do_fifo(self): os.mkfifo(self.absent)
        before_fifo_taken = before_mkdir_taken
        do_fifo_taken = do_fifo
        def do_node(self): os.mknod(self.absent, stat.S_IFREG | 0o640)
        def do_symlink(self): os.symlink("target", self.absent)
        before_symlink_taken = before_mkdir_taken
        do_symlink_taken = do_symlink
        def do_link(self): os.link(self.present, self.absent, follow_symlinks=False)
        before_link_taken = before_mkdir_taken
        do_link_taken = do_link
        def do_unlink(self): os.unlink(self.present)
        def before_unlink_gone(self):
            if self.kind != "folder": self.behind(self.away, self.present)
        do_unlink_gone = do_unlink
        def do_rmdir(self): os.rmdir(self.present)
        def before_rmdir_gone(self):
            if self.kind == "folder": self.behind(self.away, self.present)
        do_rmdir_gone = do_rmdir
        def do_rename(self): renameat2(self.present, self.absent, 0)
        def do_rename_over(self): renameat2(self.present, self.other, 0)
        def before_rename_gone(self): self.behind(self.away, self.present)
        do_rename_gone = do_rename_over
        def do_noreplace(self): renameat2(self.present, self.absent, NOREPLACE)
        def do_noreplace_over(self): renameat2(self.present, self.other, NOREPLACE)
        def do_exchange(self): renameat2(self.present, self.other, EXCHANGE)
        def before_complete_by_rename(self): put(os.path.dirname(self.present) + "/.marker", f"images/user-{self.token}/2026/11/done".encode())
        def do_complete_by_rename(self): renameat2(os.path.dirname(self.present) + "/.marker", self.present, 0)
        def before_rename_away(self): os.makedirs(f"{M}/temp/processing/d{self.token}", exist_ok=True)
        def do_rename_away(self): renameat2(self.present, f"{M}/temp/processing/d{self.token}/moved", 0)

        def do_open(self): self.keep(os.open(self.present, os.O_RDONLY | os.O_NOFOLLOW))
        def do_open_to_write(self): self.keep(os.open(self.present, os.O_RDWR | os.O_NOFOLLOW))
        def do_open_truncating(self): self.keep(os.open(self.present, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW))
        def before_write(self): self.descriptor(self.present, os.O_RDWR | os.O_NOFOLLOW)
        def do_write(self): return os.pwrite(self.opened[-1], b"images", 0)
        def before_append(self): self.descriptor(self.present, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        def do_append(self): return os.write(self.opened[-1], b"\n")
        before_read = before_write
        def do_read(self): return os.pread(self.opened[-1], 100, 0)
        before_ftruncate = before_write
        def do_ftruncate(self): os.ftruncate(self.opened[-1], 3)
        def do_truncate(self): os.truncate(self.present, 3)
        def do_chmod(self): os.chmod(self.present, 0o700)
        def do_chown(self): os.chown(self.present, 1234, 1235, follow_symlinks=False)
        def do_utimens(self): os.utime(self.present, (5, 5), follow_symlinks=False)
        def do_setxattr(self): os.setxattr(self.present, "user.new" + self.token, b"2", follow_symlinks=False)
        def do_setxattr_new(self): os.setxattr(self.present, "user.new" + self.token, b"2", os.XATTR_CREATE, follow_symlinks=False)
        def do_setxattr_taken(self): os.setxattr(self.present, "user.old" + self.token, b"2", os.XATTR_CREATE, follow_symlinks=False)
        def do_setxattr_again(self): os.setxattr(self.present, "user.old" + self.token, b"2", os.XATTR_REPLACE, follow_symlinks=False)
        def do_removexattr(self): os.removexattr(self.present, "user.old" + self.token, follow_symlinks=False)
        def do_removexattr_gone(self): os.removexattr(self.present, "user.none", follow_symlinks=False)
        def do_getxattr(self): return os.getxattr(self.present, "user.old" + self.token, follow_symlinks=False)
        def do_listxattr(self): return os.listxattr(self.present, follow_symlinks=False)
        before_fallocate = before_write
        def do_fallocate(self): os.posix_fallocate(self.opened[-1], 0, 200)
        def before_copy(self):
            self.descriptor(self.present, os.O_RDONLY | os.O_NOFOLLOW)
            self.descriptor(self.other, os.O_WRONLY | os.O_NOFOLLOW)
        def do_copy(self): return os.copy_file_range(self.opened[-2], self.opened[-1], 20, 0, 3)
        def before_copy_into(self):
            source = f"{M}/temp/processing/d{self.token}/source"
            os.makedirs(os.path.dirname(source), exist_ok=True)
            put(source, f"images/user-{self.token}/2026/11/done".encode())
            self.descriptor(source, os.O_RDONLY)
            self.descriptor(self.present, os.O_WRONLY | os.O_NOFOLLOW)
        def do_copy_into(self): return os.copy_file_range(self.opened[-2], self.opened[-1], 100) - len(self.token)
        before_fsync = before_write
        def do_fsync(self): os.fsync(self.opened[-1])
        def before_close_new(self):
            os.write(self.descriptor(self.absent, os.O_CREAT | os.O_WRONLY), b"new")
        def do_close_new(self): os.close(self.opened.pop())
        before_close = before_append
        def do_close(self): os.close(self.opened.pop())
        def do_list(self):
            if "T" not in self.normal(self.parent): return None
            names = sorted(os.listdir(self.present if os.path.isdir(self.present) else self.parent))
            # In a folder that the operations share, the others come and go.
            return [name for name in names if self.kind != "shared" or not re.search("[0-9][ab]o?$", name)]
        before_seek = before_write
        def do_seek(self): return os.lseek(self.opened[-1], 0, os.SEEK_HOLE)
        def do_readlink(self): return os.readlink(self.present)
        def do_statfs(self): return os.statvfs(self.present).f_namemax

    """# + "\n"

  /// By which request each operation comes to the server.
  static let kindsOfRequests = #"""
    KINDS = {}
    for names, kinds in (
        ("create create_anyway create_taken", (CREATE,)), ("mkdir mkdir_taken", (MKDIR,)), ("fifo fifo_taken node", (MKNOD,)),
        ("symlink symlink_taken", (SYMLINK,)), ("link link_taken", (LINK,)), ("unlink unlink_gone", (UNLINK,)),
        ("rmdir rmdir_gone", (RMDIR,)),
        ("rename rename_over rename_gone noreplace noreplace_over exchange rename_away complete_by_rename", (RENAME, RENAME2)),
        ("open open_to_write open_truncating", (OPEN,)), ("write append", (WRITE,)), ("read", (READ,)),
        ("ftruncate truncate chmod chown utimens", (SETATTR,)),
        ("setxattr setxattr_new setxattr_taken setxattr_again", (SETXATTR,)),
        ("removexattr removexattr_gone", (REMOVEXATTR,)), ("getxattr", (GETXATTR,)), ("listxattr", (LISTXATTR,)),
        ("fallocate", (FALLOCATE,)), ("copy copy_into", (COPY,)), ("fsync", (FSYNC,)), ("close close_new", (FLUSH,)),
        ("list", (OPENDIR, READDIR, READDIRPLUS)), ("seek", (LSEEK,)), ("readlink", (READLINK,)), ("statfs", (STATFS,)),
    ):
        for name in names.split(): KINDS[name] = kinds

    """# + "\n"
}
