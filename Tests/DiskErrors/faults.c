// Preloaded into a server under test: makes one of its calls to the storage root fail, as a disk would.
//
// MAMMOFS_LACKS names what the file system below is to lack, as many do: "flags" of renameat2, "links", "attributes",
// "holes" that show, "blocks" by FIEMAP, "punch", and fsync of "folders"; "durability" is fdatasync.
//
// What is to fail is said in a file that both sides have mapped (MAMMOFS_FAULTS names it), so that a server need not be
// started anew for each fault. The program itself is the one that is shipped.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { reads = 1, changes = 2, allocates = 4 };

struct order {
  atomic_int kinds;    // of calls that count, a sum of the above; 0 while nothing is to fail
  atomic_int at;       // which of them fails, from 1; 0 only counts
  atomic_int error;    // what it fails with
  atomic_int forever;  // and all after it
  atomic_int seen;     // how many there were
  atomic_int failed;   // how many have failed
  char thread[16];     // only in threads of this name; empty is in those that answer requests
  char call[32];       // the call that failed first
};

static struct order *order;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("MAMMOFS_FAULTS");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *map = mmap(NULL, sizeof(struct order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) order = map;
  close(file);
}

// Is this thread one whose calls count?
static int counts(void) {
  char name[17] = "";
  prctl(PR_GET_NAME, name);
  if (order->thread[0]) return strncmp(name, order->thread, sizeof order->thread) == 0;
  static const char *const others[] = {"settler", "housekeeping", "counter", "signals", "control"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(name, others[i]) == 0) return 0;
  return 1;
}

static int fails(const char *call, int kind) {
  if (!order || !(order->kinds & kind) || !counts()) return 0;
  int number = ++order->seen, at = order->at;
  if (at == 0 || number < at || (number > at && !order->forever)) return 0;
  if (order->failed++ == 0) strncpy(order->call, call, sizeof order->call - 1);
  errno = order->error;
  return 1;
}

// Does the file system not have this?
static int lacks(const char *what) {
  const char *list = getenv("MAMMOFS_LACKS");
  return list && strstr(list, what) != NULL;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

static int is_folder(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// A look at other processes is no look at the disk.
static int is_proc(int fd) {
  struct statfs fs;
  return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

#define REAL(name, result, ...)                                                       \
  static result (*real)(__VA_ARGS__);                                                 \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

// A call of fixed arguments: its kind, what it returns, its name, its parameters and arguments.
#define CALL(kind, result, name, parameters, ...) \
  result name parameters {                        \
    static result(*real) parameters;              \
    if (!real) real = dlsym(RTLD_NEXT, #name);    \
    if (fails(#name, kind)) return -1;            \
    return real(__VA_ARGS__);                     \
  }

// The same of one that the file system may not have, and then answers so.
#define CALL_UNLESS(kind, lack, error, result, name, parameters, ...) \
  result name parameters {                                            \
    static result(*real) parameters;                                  \
    if (!real) real = dlsym(RTLD_NEXT, #name);                        \
    if (lack) return refuse(error);                                   \
    if (fails(#name, kind)) return -1;                                \
    return real(__VA_ARGS__);                                         \
  }

// The same, unless the folder is one of /proc.
#define CALL_IN(kind, result, name, parameters, ...)          \
  result name parameters {                                    \
    static result(*real) parameters;                          \
    if (!real) real = dlsym(RTLD_NEXT, #name);                \
    if (!is_proc(folder) && fails(#name, kind)) return -1;    \
    return real(__VA_ARGS__);                                 \
  }

CALL(allocates, ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), fd, b, n, o)
CALL(reads, ssize_t, pread, (int fd, void *b, size_t n, off_t o), fd, b, n, o)
CALL_UNLESS(allocates, lacks("folders") && is_folder(fd), EINVAL, int, fsync, (int fd), fd)
CALL_UNLESS(allocates, lacks("durability"), EINVAL, int, fdatasync, (int fd), fd)
CALL(allocates, int, syncfs, (int fd), fd)
CALL(allocates, int, ftruncate, (int fd, off_t n), fd, n)
CALL_UNLESS(allocates, (m & FALLOC_FL_PUNCH_HOLE) && lacks("punch"), EOPNOTSUPP, int, fallocate,
            (int fd, int m, off_t o, off_t n), fd, m, o, n)
CALL(allocates, ssize_t, copy_file_range, (int a, off64_t *x, int b, off64_t *y, size_t n, unsigned f), a, x, b, y, n, f)
CALL_UNLESS(allocates, lacks("links"), EPERM, int, linkat, (int a, const char *x, int b, const char *y, int f), a, x, b, y, f)
CALL(allocates, int, mkdirat, (int a, const char *x, mode_t m), a, x, m)
CALL(allocates, int, mknodat, (int a, const char *x, mode_t m, dev_t d), a, x, m, d)
CALL(allocates, int, symlinkat, (const char *x, int a, const char *y), x, a, y)
CALL_UNLESS(allocates, lacks("attributes"), EOPNOTSUPP, int, setxattr,
            (const char *p, const char *x, const void *v, size_t n, int f), p, x, v, n, f)
CALL(changes, int, removexattr, (const char *p, const char *x), p, x)
CALL(changes, int, unlinkat, (int a, const char *x, int f), a, x, f)
CALL(changes, int, fchownat, (int a, const char *x, uid_t u, gid_t g, int f), a, x, u, g, f)
CALL(reads, int, fstat, (int fd, struct stat *s), fd, s)
CALL(reads, int, fstatat, (int a, const char *x, struct stat *s, int f), a, x, s, f)
CALL(reads, int, fstatvfs, (int fd, struct statvfs *s), fd, s)
CALL(reads, ssize_t, getxattr, (const char *p, const char *x, void *v, size_t n), p, x, v, n)
CALL(reads, ssize_t, listxattr, (const char *p, char *l, size_t n), p, l, n)

// What a file system that knows no holes says of them.
static off_t dense(int fd, off_t offset, int whence) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -1;
  if (offset < 0 || offset >= status.st_size) return refuse(ENXIO);
  return whence == SEEK_HOLE ? status.st_size : offset;
}

off_t lseek(int fd, off_t offset, int whence) {
  REAL(lseek, off_t, int, off_t, int);
  if (fails("lseek", reads)) return -1;
  return (whence == SEEK_HOLE || whence == SEEK_DATA) && lacks("holes") ? dense(fd, offset, whence) : real(fd, offset, whence);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
  REAL(fsetxattr, int, int, const char *, const void *, size_t, int);
  return lacks("attributes") ? refuse(EOPNOTSUPP) : real(fd, name, value, size, flags);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {
  REAL(fgetxattr, ssize_t, int, const char *, void *, size_t);
  return lacks("attributes") ? refuse(EOPNOTSUPP) : real(fd, name, value, size);
}

int ioctl(int fd, unsigned long request, ...) {
  REAL(ioctl, int, int, unsigned long, ...);
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  return request == FS_IOC_FIEMAP && lacks("blocks") ? refuse(EOPNOTSUPP) : real(fd, request, argument);
}

CALL_IN(reads, ssize_t, getdents64, (int folder, void *b, size_t n), folder, b, n)
CALL_IN(reads, ssize_t, readlinkat, (int folder, const char *x, char *b, size_t n), folder, x, b, n)

int openat(int folder, const char *path, int flags, ...) {
  REAL(openat, int, int, const char *, int, ...);
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  const char *self = "/proc/self/fd/";
  int isOurs = strncmp(path, self, strlen(self)) == 0 || (path[0] != '/' && !is_proc(folder));
  if (isOurs && fails(flags & O_CREAT ? "openat(O_CREAT)" : "openat", flags & O_CREAT ? allocates : reads)) return -1;
  return real(folder, path, flags, mode);
}

// The kernel takes no more than six arguments, and passing on what is not there does no harm.
long syscall(long number, ...) {
  REAL(syscall, long, long, ...);
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_renameat2 && a[4] != 0 && lacks("flags")) return refuse(EINVAL);
  if (number == 464 && lacks("attributes")) return refuse(EOPNOTSUPP);
  if (number == SYS_renameat2 && fails("renameat2", allocates)) return -1;
  if (number == SYS_openat2 && fails("openat2", reads)) return -1;
  if (number == SYS_utimensat && fails("utimensat", changes)) return -1;
  if (number == 464 && fails("getxattrat", reads)) return -1;
  if (number == 452 && fails("fchmodat2", changes)) return -1;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
