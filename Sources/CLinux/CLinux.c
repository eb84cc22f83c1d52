#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

const int32_t lx_O_PATH = O_PATH, lx_O_DIRECT = O_DIRECT, lx_O_NOFOLLOW = O_NOFOLLOW,
              lx_O_DIRECTORY = O_DIRECTORY, lx_O_CLOEXEC = O_CLOEXEC, lx_O_NOATIME = O_NOATIME;
const int32_t lx_AT_EMPTY_PATH = AT_EMPTY_PATH;
const uint32_t lx_RENAME_NOREPLACE = 1, lx_RENAME_EXCHANGE = 2;
const int32_t lx_SEEK_DATA = SEEK_DATA, lx_SEEK_HOLE = SEEK_HOLE;
const int32_t lx_FALLOC_FL_KEEP_SIZE = FALLOC_FL_KEEP_SIZE, lx_FALLOC_FL_PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE;
const int64_t lx_UTIME_NOW = UTIME_NOW, lx_UTIME_OMIT = UTIME_OMIT;
const int32_t lx_MNT_DETACH = MNT_DETACH, lx_MNT_FORCE = MNT_FORCE;
const int64_t lx_TMPFS_MAGIC = TMPFS_MAGIC;
const int16_t lx_POSIX_SPAWN_SETSID = POSIX_SPAWN_SETSID;

int lx_openat(int dir, const char *path, int flags, uint32_t mode) { return openat(dir, path, flags, mode); }

int lx_renameat2(int from_dir, const char *from, int to_dir, const char *to, uint32_t flags) {
  return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

long lx_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length) {
  return copy_file_range(in, in_offset, out, out_offset, length, 0);
}

int lx_clone_range(int in, int64_t in_offset, int64_t length, int out, int64_t out_offset) {
  struct file_clone_range range = {in, (uint64_t)in_offset, (uint64_t)length, (uint64_t)out_offset};
  return ioctl(out, FICLONERANGE, &range);
}

int lx_settle_blocks(int fd, int64_t start, int64_t length) {
  enum { room = 16, rounds = 64 };
  uint64_t buffer[(sizeof(struct fiemap) + room * sizeof(struct fiemap_extent)) / sizeof(uint64_t)];
  struct fiemap *map = (struct fiemap *)buffer;
  uint64_t at = (uint64_t)start, end = (uint64_t)(start + length);
  for (int round = 0; round < rounds && at < end; round++) {
    memset(buffer, 0, sizeof buffer);
    map->fm_start = at;
    map->fm_length = end - at;
    map->fm_extent_count = room;
    if (ioctl(fd, FS_IOC_FIEMAP, map) != 0) break;
    if (map->fm_mapped_extents == 0) return 0;
    for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
      struct fiemap_extent *extent = &map->fm_extents[i];
      uint64_t from = extent->fe_logical > at ? extent->fe_logical : at, to = extent->fe_logical + extent->fe_length;
      at = to < end ? to : end;
      if (extent->fe_flags & FIEMAP_EXTENT_DELALLOC || from >= at) continue;
      if (sync_file_range(fd, (off_t)from, (off_t)(at - from),
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) != 0)
        return -1;
      if (extent->fe_flags & FIEMAP_EXTENT_LAST) return 0;
    }
    if (map->fm_mapped_extents < room) return 0;
  }
  return at >= end ? 0 : fdatasync(fd);
}

int lx_fallocate(int fd, int mode, int64_t offset, int64_t length) { return fallocate(fd, mode, offset, length); }

int lx_start_writeback(int fd, int64_t offset, int64_t length) {
  return sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

int lx_chmod_descriptor(int fd, uint32_t mode) {
  int result = (int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
  if (result == 0 || errno != ENOSYS) return result;
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return chmod(path, mode);
}

int lx_chown_descriptor(int fd, uint32_t user, uint32_t group) { return fchownat(fd, "", user, group, AT_EMPTY_PATH); }

int lx_utimens_descriptor(int fd, const struct timespec *times) {
  return (int)syscall(SYS_utimensat, fd, "", times, AT_EMPTY_PATH);
}

int lx_linkat_descriptor(int fd, int dir, const char *name) {
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW);
}

long lx_getdents64(int fd, void *buffer, size_t size) { return getdents64(fd, buffer, size); }

int64_t lx_filesystem_type(int fd) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 ? (int64_t)fs.f_type : -1;
}

long lx_getxattr(const char *path, const char *name, void *value, size_t size) {
  return getxattr(path, name, value, size);
}
long lx_listxattr(const char *path, char *names, size_t size) { return listxattr(path, names, size); }
int lx_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return setxattr(path, name, value, size, flags);
}
int lx_removexattr(const char *path, const char *name) { return removexattr(path, name); }

int lx_syncfs(int fd) { return syncfs(fd); }

void lx_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *lx_errno_name(int error) { return strerrorname_np(error); }

int lx_flock(int fd, int exclusive, int blocking) {
  return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (blocking ? 0 : LOCK_NB));
}

int lx_pidfd_open(int32_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int lx_umount(const char *path, int flags) { return umount2(path, flags); }

int lx_set_cloexec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

int lx_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int lx_signalfd_for_end(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC);
}

uint64_t lx_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  // Each open file of a client is one here. Root may go beyond what it was given.
  struct rlimit more = {1 << 20, limit.rlim_max > 1 << 20 ? limit.rlim_max : 1 << 20};
  if (limit.rlim_max < more.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0) return (uint64_t)more.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  return (uint64_t)limit.rlim_cur;
}

// Reads a file of /proc into a buffer and closes it with a zero byte; -1 where it cannot be read.
static int read_small(int folder, const char *path, char *buffer, size_t size) {
  int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t length = read(file, buffer, size - 1);
  close(file);
  if (length < 0) return -1;
  buffer[length] = 0;
  return (int)length;
}

enum lx_process_state lx_state_of_process(int32_t process) {
  char path[40], text[160];
  snprintf(path, sizeof path, "/proc/%d/statm", process);
  long size, resident, shared, code;
  if (read_small(AT_FDCWD, path, text, sizeof text) <= 0) return lx_process_gone;
  if (sscanf(text, "%ld %ld %ld %ld", &size, &resident, &shared, &code) != 4) return lx_process_gone;
  if (size == 0) return lx_process_without_memory;
  return code == 0 ? lx_process_executing : lx_process_running;
}

int lx_count_descriptors(int32_t process, const char *name, uint64_t inode, int inherited) {
  char path[40], entries[4096], target[4352], info[512];
  snprintf(path, sizeof path, "/proc/%d/fd", process);
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  size_t length = strlen(name);
  int count = 0;
  ssize_t filled;
  while ((filled = getdents64(folder, entries, sizeof entries)) > 0) {
    for (ssize_t at = 0; at < filled;) {
      struct dirent64 *entry = (struct dirent64 *)(entries + at);
      at += entry->d_reclen;
      // One that is closed meanwhile holds nothing.
      ssize_t size = readlinkat(folder, entry->d_name, target, sizeof target);
      if (size < 0 && (errno == EACCES || errno == EPERM)) {
        close(folder);
        return -1;
      }
      if (size <= (ssize_t)length || target[size - (ssize_t)length - 1] != '/') continue;
      if (memcmp(target + size - length, name, length) != 0) continue;
      char of[64];
      snprintf(of, sizeof of, "../fdinfo/%.20s", entry->d_name);
      if (read_small(folder, of, info, sizeof info) < 0) continue;
      char *flags = strstr(info, "flags:\t");
      if (inherited && flags != NULL && strtoul(flags + 7, NULL, 8) & O_CLOEXEC) continue;
      // Linux 5.14; before that the name alone decides.
      char *line = strstr(info, "ino:\t");
      if (line == NULL || strtoull(line + 5, NULL, 10) == inode) count++;
    }
  }
  close(folder);
  return filled < 0 ? -1 : count;
}

int lx_children_of_process(int32_t process, int32_t *children, int room) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", process, process);
  if (read_small(AT_FDCWD, path, text, sizeof text) < 0) return 0;
  int count = 0;
  for (char *at = text, *end; count < room; at = end) {
    long child = strtol(at, &end, 10);
    if (end == at) break;
    children[count++] = (int32_t)child;
  }
  return count;
}
