extension ParityEngine {
  /// The calls that a script sees. Each is a function of one side.
  static let calls = #"""
    @call(opens=True)
    def open_(side, path, flags, mode=0o666): return os.open(side.at(path), flags | os.O_CLOEXEC, mode)
    @call(opens=True)
    def reopen(side, file, flags): return os.open(f"/proc/self/fd/{file}", flags | os.O_CLOEXEC)
    @call(opens=True)
    def dup(side, file): return os.dup(file)
    @call
    def close(side, file): os.close(file)
    @call(changes=False)
    def read(side, file, size): return os.read(file, size)
    @call(changes=False)
    def pread(side, file, size, offset): return os.pread(file, size, offset)
    @call
    def write(side, file, content): return os.write(file, content)
    @call
    def pwrite(side, file, content, offset): return os.pwrite(file, content, offset)
    @call
    def put(side, path, content):
        with open(side.at(path), "wb", buffering=0) as file: return file.write(content)
    @call(changes=False)
    def get(side, path):
        with open(side.at(path), "rb", buffering=0) as file: return file.read()
    @call(changes=False)
    def lseek(side, file, offset, whence): return os.lseek(file, offset, whence)
    @call
    def truncate(side, path, size): os.truncate(side.at(path), size)
    @call
    def ftruncate(side, file, size): os.ftruncate(file, size)
    @call
    def fsync(side, file): os.fsync(file)
    @call
    def fdatasync(side, file): os.fdatasync(file)

    def check(result):
        if result < 0: raise OSError(ctypes.get_errno(), "")
        return result

    @call
    def fallocate(side, file, mode, offset, size):
        check(libc.fallocate(file, int(mode), ctypes.c_long(offset), ctypes.c_long(size)))
    @call
    def copyrange(side, source, target, size, at, to):
        return os.copy_file_range(source, target, size, offset_src=at, offset_dst=to)
    @call
    def sendfile(side, target, source, offset, size): return os.sendfile(target, source, offset, size)
    @call
    def mapwrite(side, file, offset, content):
        with mmap.mmap(file, 0) as memory: memory[offset:offset + len(content)] = content
    @call(changes=False)
    def mapread(side, file, size):
        with mmap.mmap(file, size, prot=mmap.PROT_READ) as memory: return bytes(memory)
    @call(changes=False)
    def fstat(side, file): return described(side, ("open", file), os.fstat(file))
    @call(changes=False)
    def stat_(side, path): return described(side, path, os.stat(side.at(path)))
    @call(changes=False)
    def lstat(side, path): return described(side, path, os.lstat(side.at(path)))
    @call(changes=False)
    def same(side, one, other): return os.lstat(side.at(one)).st_ino == os.lstat(side.at(other)).st_ino
    @call(changes=False)
    def access(side, path, mode): return os.access(side.at(path), mode, effective_ids=True)
    @call
    def mkdir(side, path, mode=0o777): os.mkdir(side.at(path), mode)
    @call
    def rmdir(side, path): os.rmdir(side.at(path))
    @call
    def unlink(side, path): os.unlink(side.at(path))
    @call
    def rename(side, old, new): os.rename(side.at(old), side.at(new))
    @call
    def rename2(side, old, new, flags): renameat2(side.at(old), side.at(new), int(flags))
    @call
    def link(side, old, new): os.link(side.at(old), side.at(new), follow_symlinks=False)
    @call
    def linkfile(side, file, new): os.link(f"/proc/self/fd/{file}", side.at(new), follow_symlinks=True)
    @call
    def symlink(side, target, path): os.symlink(target, side.at(path))
    @call(changes=False)
    def readlink(side, path): return os.readlink(side.at(path))
    @call
    def mkfifo(side, path, mode): os.mkfifo(side.at(path), mode)
    @call
    def mknod(side, path, mode, device=0): os.mknod(side.at(path), mode, device)
    @call
    def chmod(side, path, mode): os.chmod(side.at(path), mode)
    @call
    def fchmod(side, file, mode): os.fchmod(file, mode)
    @call
    def chown(side, path, user, group): os.chown(side.at(path), user, group)
    @call
    def lchown(side, path, user, group): os.lchown(side.at(path), user, group)
    @call
    def fchown(side, file, user, group): os.fchown(file, user, group)
    @call
    def setxattr(side, path, name, value, flags=0): os.setxattr(side.at(path), name, value, int(flags))
    @call(changes=False)
    def getxattr(side, path, name): return os.getxattr(side.at(path), name)
    @call(changes=False)
    def listxattr(side, path): return sorted(os.listxattr(side.at(path)))
    @call
    def removexattr(side, path, name): os.removexattr(side.at(path), name)
    @call
    def fsetxattr(side, file, name, value): os.setxattr(file, name, value)
    @call(changes=False)
    def fgetxattr(side, file, name): return os.getxattr(file, name)
    @call
    def flock(side, file, how): fcntl.flock(file, how)
    """# + "\n"
}
