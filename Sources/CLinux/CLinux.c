#define _GNU_SOURCE
#include "CLinux.h"
#include "Signals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <pthread.h>
#include <sched.h>
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
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

const int32_t lx_O_PATH = O_PATH, lx_O_DIRECT = O_DIRECT, lx_O_NOFOLLOW = O_NOFOLLOW,
              lx_O_DIRECTORY = O_DIRECTORY, lx_O_CLOEXEC = O_CLOEXEC, lx_O_NOATIME = O_NOATIME;
const int32_t lx_AT_EMPTY_PATH = AT_EMPTY_PATH;
const uint32_t lx_RENAME_NOREPLACE = 1, lx_RENAME_EXCHANGE = 2;
const int32_t lx_XATTR_CREATE = XATTR_CREATE;
const int32_t lx_SEEK_DATA = SEEK_DATA, lx_SEEK_HOLE = SEEK_HOLE;
const int32_t lx_FALLOC_FL_KEEP_SIZE = FALLOC_FL_KEEP_SIZE, lx_FALLOC_FL_PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE;
const uint64_t lx_ST_NOATIME = ST_NOATIME;
const int64_t lx_UTIME_NOW = UTIME_NOW, lx_UTIME_OMIT = UTIME_OMIT;
const int32_t lx_MNT_DETACH = MNT_DETACH, lx_MNT_FORCE = MNT_FORCE;
const int64_t lx_TMPFS_MAGIC = TMPFS_MAGIC, lx_EXT4_MAGIC = EXT4_SUPER_MAGIC, lx_F2FS_MAGIC = F2FS_SUPER_MAGIC;
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

int lx_maps_blocks(int fd) {
  struct fiemap map = {.fm_length = FIEMAP_MAX_OFFSET};
  return ioctl(fd, FS_IOC_FIEMAP, &map) == 0;
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

int lx_device_of(int fd, uint32_t *major_number, uint32_t *minor_number) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -1;
  *major_number = major(status.st_dev);
  *minor_number = minor(status.st_dev);
  return 0;
}

uint64_t lx_mount_number(int fd) {
  // STATX_MNT_ID_UNIQUE is younger than the headers.
  const unsigned unique = 0x4000;
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, unique, &status) != 0 || !(status.stx_mask & unique)) return 0;
  return status.stx_mnt_id;
}

uint64_t lx_filesystem_id(int fd) {
  struct statfs fs;
  uint64_t id = 0;
  if (fstatfs(fd, &fs) == 0) memcpy(&id, &fs.f_fsid, sizeof id);
  return id;
}

int64_t lx_filesystem_type(int fd) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 ? (int64_t)fs.f_type : -1;
}

// The f*xattr calls, and where O_PATH does not let them the same by the link in /proc.
static const char *link_of(int fd, char *path, size_t size) {
  snprintf(path, size, "/proc/self/fd/%d", fd);
  return path;
}

long lx_getxattr_descriptor(int fd, const char *name, void *value, size_t size) {
  long result = fgetxattr(fd, name, value, size);
  if (result >= 0 || errno != EBADF) return result;
  char path[40];
  return getxattr(link_of(fd, path, sizeof path), name, value, size);
}

long lx_getxattr_at(int dir, const char *name, const char *attribute, void *value, size_t size) {
  // linux/xattr.h and the number are younger than the headers.
  struct {
    uint64_t value __attribute__((aligned(8)));
    uint32_t size, flags;
  } arguments = {(uintptr_t)value, (uint32_t)size, 0};
  const long getxattrat = 464;
  long result = syscall(getxattrat, dir, name, AT_SYMLINK_NOFOLLOW, attribute, &arguments, sizeof arguments);
  // EPERM is what filters of system calls say of one that they do not know.
  if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return result;
  int file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return -1;
  result = fgetxattr(file, attribute, value, size);
  int error = errno;
  close(file);
  errno = error;
  return result;
}

long lx_listxattr_descriptor(int fd, char *names, size_t size) {
  long result = flistxattr(fd, names, size);
  if (result >= 0 || errno != EBADF) return result;
  char path[40];
  return listxattr(link_of(fd, path, sizeof path), names, size);
}

int lx_setxattr_descriptor(int fd, const char *name, const void *value, size_t size, int flags) {
  int result = fsetxattr(fd, name, value, size, flags);
  if (result == 0 || errno != EBADF) return result;
  char path[40];
  return setxattr(link_of(fd, path, sizeof path), name, value, size, flags);
}

int lx_removexattr_descriptor(int fd, const char *name) {
  int result = fremovexattr(fd, name);
  if (result == 0 || errno != EBADF) return result;
  char path[40];
  return removexattr(link_of(fd, path, sizeof path), name);
}

long lx_pread_uncached(int fd, void *buffer, size_t size, int64_t offset) {
  struct iovec part = {buffer, size};
  return preadv2(fd, &part, 1, offset, RWF_DONTCACHE);
}

long lx_resident_pages(int fd, int64_t offset, size_t length) {
  unsigned char pages[1024];
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  if (length > size * sizeof pages) {
    errno = EINVAL;
    return -1;
  }
  void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);
  if (map == MAP_FAILED) return -1;
  long count = mincore(map, length, pages) == 0 ? 0 : -1;
  for (size_t page = 0; count >= 0 && page < (length + size - 1) / size; page++) count += pages[page] & 1;
  munmap(map, length);
  return count;
}

// These return an error's number and leave errno alone.
int lx_read_ahead_off(int fd) { return posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); }
int lx_drop_pages(int fd, int64_t offset, int64_t length) {
  return posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

int32_t lx_thread_id(void) { return gettid(); }

uint32_t *lx_held_locks(void) {
  static _Thread_local uint32_t held;
  return &held;
}

int lx_set_idle(int32_t thread, int idle) {
  // IOPRIO_WHO_PROCESS; the class is in the upper three bits: idle, or none of its own.
  syscall(SYS_ioprio_set, 1, thread, idle ? 3 << 13 : 0);
  struct sched_param none = {0};
  return sched_setscheduler(thread, idle ? SCHED_IDLE : SCHED_OTHER, &none);
}

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

int lx_fork_sharing_descriptors(void) {
  return (int)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
}

void lx_supervisor_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGHUP);
  sigaddset(set, SIGCHLD);
}

int lx_block_supervisor_signals(void) {
  sigset_t set;
  lx_supervisor_signals(&set);
  return sigprocmask(SIG_BLOCK, &set, NULL);
}

int lx_wait_for_supervisor_signal(int milliseconds) {
  sigset_t set;
  lx_supervisor_signals(&set);
  struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  int signal = sigtimedwait(&set, NULL, &limit);
  return signal > 0 ? signal : 0;
}

void *lx_map_shared(int fd, size_t size) {
  struct stat status;
  if (fstat(fd, &status) != 0) return NULL;
  if ((size_t)status.st_size < size && ftruncate(fd, (off_t)size) != 0) return NULL;
  void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  return start == MAP_FAILED ? NULL : start;
}

int lx_remove_pages(void *start, size_t size) { return madvise(start, size, MADV_REMOVE); }

int lx_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }

int lx_move_descriptor(int from, int to) {
  if (dup3(from, to, O_CLOEXEC) < 0) return -1;
  return close(from);
}

int lx_clear_cloexec(int fd) { return fcntl(fd, F_SETFD, 0); }

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

int32_t lx_fixed(int32_t folder, const char *name) {
  struct statx found;
  if (statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_STATX_SYNC_AS_STAT, STATX_TYPE, &found) != 0) return -1;
  if (found.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) return EPERM;
#ifdef STATX_ATTR_MOUNT_ROOT
  if (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) return EBUSY;
#endif
  return 0;
}
