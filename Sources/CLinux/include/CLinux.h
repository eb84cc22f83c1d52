// The Linux calls that `import Glibc` hides from Swift, because they are behind
// _GNU_SOURCE, are variadic, are macros, or have no glibc wrapper at all.
//
// Each function is the call itself: C's result, C's errno.
#pragma once

// Only the compiler's own headers: a C library header included here would make
// its types this module's in Swift's eyes, beside Glibc's.
#include <stddef.h>
#include <stdint.h>

struct timespec;

// Flags that exist only with _GNU_SOURCE.
extern const int32_t lx_O_PATH, lx_O_DIRECT, lx_O_NOFOLLOW, lx_O_DIRECTORY, lx_O_CLOEXEC, lx_O_NOATIME;
extern const int32_t lx_AT_EMPTY_PATH;
extern const uint32_t lx_RENAME_NOREPLACE, lx_RENAME_EXCHANGE;
extern const int32_t lx_XATTR_CREATE;
extern const int32_t lx_SEEK_DATA, lx_SEEK_HOLE;
extern const int32_t lx_FALLOC_FL_KEEP_SIZE, lx_FALLOC_FL_PUNCH_HOLE;
extern const int32_t lx_MNT_DETACH, lx_MNT_FORCE;
// A flag of statvfs(3).
extern const uint64_t lx_ST_NOATIME;
// Nanoseconds of utimensat(2) that mean «the time it is» and «leave it».
extern const int64_t lx_UTIME_NOW, lx_UTIME_OMIT;
// Magic numbers of statfs(2) for file systems that need no write-out.
extern const int64_t lx_TMPFS_MAGIC, lx_EXT4_MAGIC, lx_F2FS_MAGIC;
// A flag of posix_spawn: the new process begins a session.
extern const int16_t lx_POSIX_SPAWN_SETSID;

// openat(2) is variadic.
int lx_openat(int dir, const char *path, int flags, uint32_t mode);
// openat2(2) of something below `dir`: never out of it, and through no symbolic link. Where the kernel lacks the call,
// or something keeps the process from it, name by name with O_NOFOLLOW. The errno is openat's: ENOTDIR for a link
// where a folder is asked for, ELOOP for one where a file is.
int lx_open_beneath(int dir, const char *path, int flags, uint32_t mode);
// What `lx_open_beneath` falls back to.
int lx_open_by_names(int dir, const char *path, int flags, uint32_t mode);
int lx_renameat2(int from_dir, const char *from, int to_dir, const char *to, uint32_t flags);
long lx_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t length);
// ioctl(FICLONERANGE): shares blocks where the file system can.
int lx_clone_range(int in, int64_t in_offset, int64_t length, int out, int64_t out_offset);
// Writes out again those blocks of a part of the file that were written out before, by ioctl(FS_IOC_FIEMAP) and
// sync_file_range; all of the file where it does not tell, or is in very many pieces.
int lx_settle_blocks(int fd, int64_t start, int64_t length);
// Whether the file system answers ioctl(FS_IOC_FIEMAP).
int lx_maps_blocks(int fd);
int lx_fallocate(int fd, int mode, int64_t offset, int64_t length);
// sync_file_range(SYNC_FILE_RANGE_WRITE): starts write-back and does not wait.
int lx_start_writeback(int fd, int64_t offset, int64_t length);
// fchmodat2(2) on the descriptor itself (O_PATH will do); falls back to /proc/self/fd before Linux 6.6.
int lx_chmod_descriptor(int fd, uint32_t mode);
int lx_chown_descriptor(int fd, uint32_t user, uint32_t group);
// utimensat(2) on the descriptor itself; O_PATH will do.
int lx_utimens_descriptor(int fd, const struct timespec *times);
int lx_linkat_descriptor(int fd, int dir, const char *name);
long lx_getdents64(int fd, void *buffer, size_t size);
// fstat(2)'s st_dev, in its two parts.
int lx_device_of(int fd, uint32_t *major, uint32_t *minor);
// statfs(2)'s f_fsid, which a copy of the files on another file system does not have; 0 where that has none.
uint64_t lx_filesystem_id(int fd);
// The number of the mount by which a file was opened, which no other has or will have until the next boot (Linux 6.8);
// 0 where the kernel does not tell.
uint64_t lx_mount_number(int fd);
// statfs(2)'s f_type.
int64_t lx_filesystem_type(int fd);

// Extended attributes of what a descriptor holds; O_PATH will do.
long lx_getxattr_descriptor(int fd, const char *name, void *value, size_t size);
// getxattrat(2) of a file in a folder, no link followed; opens it where the kernel lacks the call (before Linux 6.13).
long lx_getxattr_at(int dir, const char *name, const char *attribute, void *value, size_t size);
long lx_listxattr_descriptor(int fd, char *names, size_t size);
int lx_setxattr_descriptor(int fd, const char *name, const void *value, size_t size, int flags);
int lx_removexattr_descriptor(int fd, const char *name);

// preadv2(2) with RWF_DONTCACHE (Linux 6.14): what it has to bring into the page cache for this goes again, what was
// there stays. EOPNOTSUPP where the kernel or the file system cannot do that.
long lx_pread_uncached(int fd, void *buffer, size_t size, int64_t offset);
// How many pages of a part of a file are in the page cache, by mincore(2); -1 where that cannot be told.
long lx_resident_pages(int fd, int64_t offset, size_t length);
// posix_fadvise(2): reads of this open file bring in no more than they ask for; a part of it is not needed any more.
int lx_read_ahead_off(int fd);
int lx_drop_pages(int fd, int64_t offset, int64_t length);
// The calling thread, or thread `thread` of this process, runs when nothing else wants to (SCHED_IDLE, ioprio idle), or
// as any other again.
int32_t lx_thread_id(void);
// For debug builds: which ranks of locks the calling thread holds, a bit each.
uint32_t *lx_held_locks(void);
int lx_set_idle(int32_t thread, int idle);

// syncfs(2): all of the file system that holds `fd`.
int lx_syncfs(int fd);
int lx_flock(int fd, int exclusive, int blocking);
// What a process is doing, from the sizes in /proc/PID/statm, which can be read without its locks.
enum lx_process_state { lx_process_gone, lx_process_without_memory, lx_process_executing, lx_process_running };
enum lx_process_state lx_state_of_process(int32_t process);
// Whether a thread of a killed process is still in a call that may change something on disk: it is carried out to its end.
// `device` is the descriptor of the mount, what is written to which is for the kernel. Where the calls may not be asked
// for (Yama's ptrace_scope, for instance) a thread that runs or waits uninterruptibly counts.
int lx_may_change_disk(int32_t process, int device);
// The same of one thread, by its line in /proc/PID/task/TID/syscall.
int lx_call_may_change_disk(const char *text, int device);
// How many descriptors of a process lead to the inode `inode` under a path that ends with `/name`; -1 where it may
// not be asked. With `inherited`, close-on-exec ones do not count: a child about to execute has copies for a moment.
// The links in /proc are read, the file is not touched, and nothing is allocated: it is asked at closes.
int lx_count_descriptors(int32_t process, const char *name, uint64_t inode, int inherited);
// Writes the numbers of a thread's child processes, `room` at most, and returns how many.
int lx_children_of_process(int32_t process, int32_t *children, int room);
// What is kept open of a process that is asked often: the same questions cost a third. A view is of one process for
// ever; of one that has ended it says `lx_process_gone`, also when the number is another's by then.
struct lx_process_view {
  int32_t process;
  int statm, children, tasks, descriptors;
};
// -1 where the process has gone or may not be asked.
int lx_open_view(struct lx_process_view *view, int32_t process);
void lx_close_view(const struct lx_process_view *view);
enum lx_process_state lx_state_in_view(const struct lx_process_view *view);
int lx_children_in_view(const struct lx_process_view *view, int32_t *children, int room);
// The descriptors that a process had when they were last listed; none, or too many to note, where `count` is 0.
enum { lx_descriptor_numbers_room = 32 };
struct lx_descriptor_numbers {
  int count;
  int numbers[lx_descriptor_numbers_room];
};
// As lx_count_descriptors, of all descriptors; `usual` is what it finds quickly, and is brought up to date.
int lx_count_descriptors_in_view(
    const struct lx_process_view *view, const char *name, uint64_t inode, struct lx_descriptor_numbers *usual);
// pidfd_open(2): a descriptor that is readable once the process has ended.
int lx_pidfd_open(int32_t process);
int lx_umount(const char *path, int flags);
// fcntl(2) is variadic.
int lx_set_cloexec(int fd);
// memfd_create(2): a file without a name, for text that only this process reads.
int lx_memfd(const char *name);
// A process that shares this one's table of descriptors and nothing else (clone(2) with CLONE_FILES): what either
// opens the other has, and the table lives as long as one of them. Returns 0 in the new process. To be called while
// the process has one thread; the new one then works on a thread of its own making, because the C library does not
// know the number of the one that it begins with.
int lx_fork_sharing_descriptors(void);
// Blocks the signals that end a supervisor, and SIGCHLD, in this thread.
int lx_block_supervisor_signals(void);
// Waits for one of those, `milliseconds` at most; returns its number, or 0.
int lx_wait_for_supervisor_signal(int milliseconds);
// mmap(2), shared, of the first `size` bytes of a memory file that is made as long; NULL where it fails.
void *lx_map_shared(int fd, size_t size);
// madvise(MADV_REMOVE): gives pages of a shared memory file back; they read as zeros.
int lx_remove_pages(void *start, size_t size);
int lx_clear_cloexec(int fd);
int lx_duplicate(int fd);
// dup3(2) onto another open descriptor, closed on exec; `from` is closed.
int lx_move_descriptor(int from, int to);
// Blocks the signals that end a server, in this thread and those it starts, and returns a signalfd for them.
int lx_signalfd_for_end(void);
// setrlimit(RLIMIT_NOFILE) to the hard limit; returns the limit in force.
uint64_t lx_raise_descriptor_limit(void);

// Lets waitpid(2) see how children ended, also where the caller of the program ignores SIGCHLD.
void lx_expect_children(void);
// Undoes what the caller of the program ignores or blocks; SIGPIPE and SIGXFSZ are errors of their calls, never an end,
// and those that a supervisor waits for are blocked.
int lx_reset_signals(void);
enum lx_limit {
  lx_limit_file_size,
  lx_limit_address_space,
  lx_limit_data,
  lx_limit_processor_time,
  lx_limit_processes,
};
// setrlimit(2) to none, or where that is not allowed to the hard limit; returns the limit in force, UINT64_MAX is none.
uint64_t lx_lift_limit(enum lx_limit which);
// No core dumps, unless somebody raises the limit of the running process.
void lx_forgo_dumps(void);
// Has stacks be so large, whatever the limit was when the program began.
void lx_set_stacks(uint64_t size);
// Ordinary scheduling of processor and disk, where it is real time, batch or idle.
void lx_reset_scheduling(void);

// Leaves this thread, and those it starts, the capabilities of the mask (bit N is capability N) that it has, takes all
// others out of the bounding set where it may, empties the inheritable and the ambient set, and sets no_new_privs, so
// that nothing that is executed gets more.
int lx_keep_capabilities(uint64_t kept);
// A file system may keep blocks for root (ext4, F2FS), whose server's files would take them. Between the last two calls this
// thread is, for file systems, a user of whom that is not true, with its capabilities as they are. For that, the first makes
// the user a saved one of this thread and those it starts; it takes CAP_SETUID, which the others do not.
int lx_have_nobody(void);
// Of the calling thread alone: by the first thread's users prlimit(2) decides who may change a process's limits.
void lx_forget_nobody(void);
void lx_leave_reserve(void);
void lx_return_to_reserve(void);

// Names the calling thread, for ps and gdb; at most 15 bytes.
void lx_name_thread(const char *name);
// "ENOENT" and its like; NULL for a number that is no errno.
const char *lx_errno_name(int error);

// What keeps a name from being deleted, whoever asks: EPERM for an immutable file, EBUSY for a mount point, 0 for none. -1
// with errno where nobody can tell.
int32_t lx_fixed(int32_t folder, const char *name);
