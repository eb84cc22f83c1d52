// The face of libfuse's low-level API that FuseKit imports.
//
// Only what Swift cannot express is here; each shim says why.
#pragma once

// The system's headers belong to the module that Swift calls Glibc. Without this line their declarations
// (struct stat, struct timespec) belong to whichever module was read first, and Swift then finds `stat()` to be
// CFuse's in one file and Glibc's in the next.
#pragma clang module import SwiftGlibc

#define FUSE_USE_VERSION 314
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

// `fuse_file_info` keeps its flags in bit-fields. Swift imports them, but a
// setter that lists what an open reply may say keeps the layout out of Swift.
static inline void mfs_open_reply(struct fuse_file_info *fi, uint64_t handle,
                                  int direct_io, int keep_cache, int noflush) {
  fi->fh = handle;
  fi->direct_io = direct_io ? 1 : 0;
  fi->keep_cache = keep_cache ? 1 : 0;
  fi->noflush = noflush ? 1 : 0;
}

// From 3.17 on the operations table and the I/O table are checked against a
// size and `fuse_session_new` and `fuse_session_custom_io` are versioned
// symbols behind macros and inline functions, which Swift does not import.
static inline struct fuse_session *
mfs_session_new(struct fuse_args *args, const struct fuse_lowlevel_ops *ops,
                void *userdata) {
  return fuse_session_new(args, ops, sizeof(*ops), userdata);
}

// `struct fuse_custom_io` grew a field in 3.17 (`clone_fd`): building it here,
// zeroed and by field name, compiles against both headers.
static inline int mfs_session_custom_io(
    struct fuse_session *se, int fd,
    ssize_t (*read)(int, void *, size_t, void *),
    ssize_t (*writev)(int, struct iovec *, int, void *)) {
  struct fuse_custom_io io;
  memset(&io, 0, sizeof io);
  io.read = read;
  io.writev = writev;
  return fuse_session_custom_io(se, &io, fd);
}

// FUSE_ARGS_INIT is a macro with a compound literal.
static inline struct fuse_args mfs_args(int argc, char **argv) {
  struct fuse_args args = {argc, argv, 0};
  return args;
}

// fcntl(2) and ioctl(2) are variadic, and their request numbers are macros.
static inline int mfs_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

// FUSE_DEV_IOC_BACKING_OPEN and _CLOSE of <linux/fuse.h>, Linux 6.9; older headers lack them.
struct mfs_backing_map {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
static inline int mfs_backing_open(int fuse_fd, int backing_fd) {
  struct mfs_backing_map map = {backing_fd, 0, 0};
  return ioctl(fuse_fd, _IOW(229, 1, struct mfs_backing_map), &map);
}
static inline int mfs_backing_close(int fuse_fd, int32_t id) {
  uint32_t number = (uint32_t)id;
  return ioctl(fuse_fd, _IOW(229, 2, uint32_t), &number);
}

// FUSE_NOTIFY_INVAL_INODE of the attributes alone, without a session.
static inline int mfs_notify_attributes(int fuse_fd, uint64_t node) {
  struct {
    uint32_t length;
    int32_t code;
    uint64_t unique, node;
    int64_t offset, size;
  } message = {sizeof message, 2, 0, node, -1, 0};
  return write(fuse_fd, &message, sizeof message) == sizeof message ? 0 : -1;
}

// An eventfd, to wake a thread that sleeps in poll(2).
static inline int mfs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// A timer that is set by one thread and slept on by another.
static inline int mfs_timer(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC); }
static inline int mfs_timer_set(int timer, long nanoseconds) {
  struct itimerspec when = {{0, 0}, {nanoseconds / 1000000000, nanoseconds % 1000000000}};
  return timerfd_settime(timer, 0, &when, 0);
}

// glibc's gettid needs _GNU_SOURCE.
static inline int32_t mfs_thread_id(void) { return (int32_t)syscall(SYS_gettid); }

// Whether a thread of this process runs, or would if it got a processor: the state in /proc/self/task/TID/stat.
static inline int mfs_thread_is_runnable(int32_t thread) {
  char path[48], text[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  // The name before it is in parentheses and may hold any byte.
  char *name_end = strrchr(text, ')');
  return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'R';
}

// How often this thread has gone to sleep for anything but a processor (ru_nvcsw of getrusage(2), RUSAGE_THREAD, which
// needs _GNU_SOURCE and is 1).
static inline long mfs_thread_sleeps(void) {
  struct rusage usage;
  return getrusage(1, &usage) == 0 ? usage.ru_nvcsw : 0;
}

// prctl(2) is variadic, and pthread_setname_np needs _GNU_SOURCE.
static inline void mfs_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
