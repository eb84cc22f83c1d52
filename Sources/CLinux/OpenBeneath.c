#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// Other file systems may be mounted below the storage root: who can do that needs no tricks. So not RESOLVE_NO_XDEV.
static const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

// What openat lets pass unseen, openat2 refuses.
static const int known_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |
                               O_SYNC | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH;

static long open2(int dir, const char *path, int flags, uint32_t mode) {
  struct open_how how = {
      .flags = (uint64_t)(flags & known_flags), .mode = flags & O_CREAT ? mode & 07777 : 0, .resolve = resolve};
  return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

// Linux 5.6 has the call; a filter of system calls may say ENOSYS or EPERM to it, whatever is opened.
static int has_openat2(void) {
  static atomic_int known;
  int answer = atomic_load_explicit(&known, memory_order_relaxed);
  if (answer == 0) {
    int file = (int)open2(AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0);
    answer = file < 0 && (errno == ENOSYS || errno == EPERM) ? -1 : 1;
    if (file >= 0) close(file);
    atomic_store_explicit(&known, answer, memory_order_relaxed);
  }
  return answer > 0;
}

int lx_open_by_names(int dir, const char *path, int flags, uint32_t mode) {
  int folder = dir;
  while (1) {
    size_t length = strcspn(path, "/");
    char name[NAME_MAX + 1];
    int error = 0, isLast = path[length] == 0;
    // As openat2 has it, nothing leads up or to the top.
    if (length == 0) error = isLast ? ENOENT : EXDEV;
    if (length == 2 && memcmp(path, "..", 2) == 0) error = EXDEV;
    if (length > NAME_MAX) error = ENAMETOOLONG;
    int file = -1;
    if (error == 0) {
      memcpy(name, path, length);
      name[length] = 0;
      int way = O_PATH | O_DIRECTORY | O_CLOEXEC;
      file = openat(folder, name, (isLast ? flags : way) | O_NOFOLLOW, mode);
      error = errno;
    }
    if (folder != dir) close(folder);
    if (file < 0) errno = error;
    if (file < 0 || isLast) return file;
    folder = file;
    path += length + 1;
  }
}

int lx_open_beneath(int dir, const char *path, int flags, uint32_t mode) {
  if (!has_openat2()) return lx_open_by_names(dir, path, flags, mode);
  // EAGAIN: a rename elsewhere, at a bad moment.
  for (int tries = 0; tries < 16; tries++) {
    int file = (int)open2(dir, path, flags | O_NOFOLLOW, mode);
    if (file >= 0 || errno != EAGAIN) {
      if (file < 0 && errno == ELOOP && flags & O_DIRECTORY) errno = ENOTDIR;
      return file;
    }
  }
  return -1;
}
