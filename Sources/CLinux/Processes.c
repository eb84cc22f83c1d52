// What /proc says of the processes that use the mount. Nothing here touches a file that a descriptor leads to, and
// nothing is allocated: it is asked at closes, of which there may be thousands a second.
#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { path_room = 64, children_room = 4096, entries_room = 4096, target_room = 4352, info_room = 512 };

// Reads a file of /proc into a buffer and closes it with a zero byte; -1 where it cannot be read.
static ssize_t read_small(int file, char *buffer, size_t size) {
  ssize_t length = file < 0 ? -1 : pread(file, buffer, size - 1, 0);
  if (length < 0) return -1;
  buffer[length] = 0;
  return length;
}

static ssize_t read_path(int folder, const char *path, char *buffer, size_t size) {
  int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
  ssize_t length = read_small(file, buffer, size);
  int error = errno;
  if (file >= 0) close(file);
  errno = error;
  return length;
}

// MARK: State

static enum lx_process_state parse_state(const char *text, ssize_t length) {
  long size, resident, shared, code;
  if (length <= 0 || sscanf(text, "%ld %ld %ld %ld", &size, &resident, &shared, &code) != 4) return lx_process_gone;
  if (size == 0) return lx_process_without_memory;
  return code == 0 ? lx_process_executing : lx_process_running;
}

enum lx_process_state lx_state_of_process(int32_t process) {
  char path[path_room], text[160];
  snprintf(path, sizeof path, "/proc/%d/statm", process);
  ssize_t length = read_path(AT_FDCWD, path, text, sizeof text);
  return parse_state(text, length);
}

enum lx_process_state lx_state_in_view(const struct lx_process_view *view) {
  char text[160];
  ssize_t length = read_small(view->statm, text, sizeof text);
  return parse_state(text, length);
}

int lx_call_may_change_disk(const char *text, int device) {
  long call;
  unsigned long first = 0, second = 0, third = 0;
  // None: a zombie is in none. Neither number nor none: the thread runs, on its way out of one.
  if (text[0] == '-') return 0;
  if (sscanf(text, "%ld %lx %lx %lx", &call, &first, &second, &third) != 4) return 1;
  switch (call) {
    // With which a server looks at other processes, or waits.
    case SYS_read:
    case SYS_pread64:
    case SYS_readlinkat:
    case SYS_getdents64:
    case SYS_close:
    case SYS_futex: return 0;
    // That of openat2 are in the server's memory, which may have gone.
    case SYS_openat: return (third & (O_CREAT | O_TRUNC)) != 0;
    // They take as long as the disk does, and change nothing that the next server would see.
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync_file_range:
    case SYS_syncfs: return 0;
    // To the kernel, which may wait for an answer that only the next server can give.
    case SYS_write:
    case SYS_writev: return device < 0 || first != (unsigned long)device;
    default: return 1;
  }
}

// By the state of a thread whose call may not be asked for: whether it runs, or waits and cannot be killed meanwhile.
static int is_at_work(int tasks, const char *task) {
  char name[path_room], text[info_room];
  if (snprintf(name, sizeof name, "%.20s/stat", task) >= (int)sizeof name) return 0;
  if (read_path(tasks, name, text, sizeof text) < 0) return 0;
  // PID (NAME) STATE …; the name may contain anything.
  const char *end = strrchr(text, ')');
  return end != NULL && end[1] == ' ' && (end[2] == 'D' || end[2] == 'R');
}

int lx_may_change_disk(int32_t process, int device) {
  char path[path_room], text[160];
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *tasks = opendir(path);
  // What cannot be looked at may do anything.
  if (tasks == NULL) return errno != ENOENT && errno != ESRCH;
  int found = 0;
  for (struct dirent *task; !found && (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    char name[path_room];
    if (snprintf(name, sizeof name, "%.20s/syscall", task->d_name) >= (int)sizeof name) continue;
    errno = 0;
    ssize_t length = read_path(dirfd(tasks), name, text, sizeof text);
    if (length > 0) found = lx_call_may_change_disk(text, device);
    else if (errno == EPERM || errno == EACCES) found = is_at_work(dirfd(tasks), task->d_name);
    else found = length < 0 && errno != ENOENT && errno != ESRCH;
  }
  closedir(tasks);
  return found;
}

// MARK: Children

static int parse_children(const char *text, ssize_t length, int32_t *children, int room) {
  if (length < 0) return 0;
  int count = 0;
  char *end;
  for (const char *at = text; count < room; at = end) {
    long child = strtol(at, &end, 10);
    if (end == at) break;
    children[count++] = (int32_t)child;
  }
  return count;
}

int lx_children_of_process(int32_t process, int32_t *children, int room) {
  char path[path_room], text[children_room];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", process, process);
  ssize_t length = read_path(AT_FDCWD, path, text, sizeof text);
  return parse_children(text, length, children, room);
}

int lx_children_in_view(const struct lx_process_view *view, int32_t *children, int room) {
  char text[children_room];
  ssize_t length = read_small(view->children, text, sizeof text);
  return parse_children(text, length, children, room);
}

// MARK: Descriptors

struct wanted {
  const char *name;
  size_t length;
  uint64_t inode;
  int inherited;
};

enum found { found_closed, found_other, found_wanted, found_denied };

// Looks at one descriptor, by its name in the folder `folder` of a process's descriptors.
static enum found look(int folder, const char *descriptor, const struct wanted *wanted) {
  char target[target_room], path[path_room], info[info_room];
  ssize_t size = readlinkat(folder, descriptor, target, sizeof target);
  if (size < 0) return errno == EACCES || errno == EPERM ? found_denied : found_closed;
  ssize_t length = (ssize_t)wanted->length;
  if (size <= length || target[size - length - 1] != '/') return found_other;
  if (memcmp(target + size - length, wanted->name, wanted->length) != 0) return found_other;
  snprintf(path, sizeof path, "../fdinfo/%.20s", descriptor);
  if (read_path(folder, path, info, sizeof info) < 0) return found_closed;
  char *flags = strstr(info, "flags:\t");
  if (wanted->inherited && flags != NULL && strtoul(flags + 7, NULL, 8) & O_CLOEXEC) return found_other;
  // Linux 5.14; before that the name alone decides.
  char *line = strstr(info, "ino:\t");
  return line == NULL || strtoull(line + 5, NULL, 10) == wanted->inode ? found_wanted : found_other;
}

// Looks at all that the folder lists, and notes what that was.
static int count_listed(int folder, const struct wanted *wanted, struct lx_descriptor_numbers *seen) {
  char entries[entries_room];
  int count = 0, listed = 0;
  ssize_t filled;
  while ((filled = getdents64(folder, entries, sizeof entries)) > 0) {
    for (ssize_t at = 0; at < filled;) {
      struct dirent64 *entry = (struct dirent64 *)(entries + at);
      at += entry->d_reclen;
      if (entry->d_name[0] == '.') continue;
      enum found found = look(folder, entry->d_name, wanted);
      if (found == found_denied) return -1;
      if (found == found_wanted) count++;
      else if (listed++ < lx_descriptor_numbers_room) seen->numbers[listed - 1] = atoi(entry->d_name);
    }
  }
  seen->count = listed <= lx_descriptor_numbers_room ? listed : 0;
  return filled < 0 ? -1 : count;
}

static int count_in_process(
    int32_t process, const struct wanted *wanted, struct lx_descriptor_numbers *seen) {
  char path[path_room];
  snprintf(path, sizeof path, "/proc/%d/fd", process);
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  int count = count_listed(folder, wanted, seen);
  close(folder);
  return count;
}

int lx_count_descriptors(int32_t process, const char *name, uint64_t inode, int inherited) {
  struct wanted wanted = {name, strlen(name), inode, inherited};
  struct lx_descriptor_numbers seen;
  return count_in_process(process, &wanted, &seen);
}

// How many descriptors a process has; 0 before Linux 6.2.
static long descriptors_in_view(const struct lx_process_view *view) {
  struct stat stat;
  return fstat(view->descriptors, &stat) == 0 ? (long)stat.st_size : 0;
}

// A process with one thread holds still while that thread waits for its close.
static int is_single_threaded(const struct lx_process_view *view) {
  struct stat stat;
  // "." and ".." and a folder for each thread.
  return fstat(view->tasks, &stat) == 0 && stat.st_nlink == 3;
}

int lx_count_descriptors_in_view(
    const struct lx_process_view *view, const char *name, uint64_t inode, struct lx_descriptor_numbers *usual) {
  // Looking at the few that a process mostly has is faster than having them listed, and as exact: it counts only if
  // they were all that there are, before and after.
  struct wanted wanted = {name, strlen(name), inode, 0};
  long total = usual->count > 0 && is_single_threaded(view) ? descriptors_in_view(view) : 0;
  if (total > 0 && total <= usual->count) {
    long met = 0;
    int count = 0;
    for (int index = 0; index < usual->count; index++) {
      char descriptor[16];
      snprintf(descriptor, sizeof descriptor, "%d", usual->numbers[index]);
      enum found found = look(view->descriptors, descriptor, &wanted);
      if (found == found_denied) return -1;
      if (found != found_closed) met++;
      if (found == found_wanted) count++;
    }
    if (met == total && descriptors_in_view(view) == total) return count;
  }
  return count_in_process(view->process, &wanted, usual);
}

// MARK: Views

int lx_open_view(struct lx_process_view *view, int32_t process) {
  char path[path_room], children[path_room];
  snprintf(path, sizeof path, "/proc/%d", process);
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  snprintf(children, sizeof children, "task/%d/children", process);
  view->process = process;
  view->statm = openat(folder, "statm", O_RDONLY | O_CLOEXEC);
  view->children = openat(folder, children, O_RDONLY | O_CLOEXEC);
  view->tasks = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  view->descriptors = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  close(folder);
  if (view->statm >= 0 && view->children >= 0 && view->tasks >= 0 && view->descriptors >= 0) return 0;
  lx_close_view(view);
  return -1;
}

void lx_close_view(const struct lx_process_view *view) {
  const int files[] = {view->statm, view->children, view->tasks, view->descriptors};
  for (size_t index = 0; index < sizeof files / sizeof files[0]; index++) {
    if (files[index] >= 0) close(files[index]);
  }
}
