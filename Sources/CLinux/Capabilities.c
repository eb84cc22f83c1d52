#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// A user whom no file system keeps blocks for, and who owns nothing.
static const uid_t nobody = (uid_t)-2;

int lx_have_nobody(void) { return setresuid((uid_t)-1, (uid_t)-1, nobody); }

void lx_forget_nobody(void) { syscall(SYS_setresuid, (uid_t)-1, (uid_t)-1, geteuid()); }

void lx_leave_reserve(void) {
  syscall(SYS_setfsuid, nobody);
  // With root as user the kernel took the rights that concern files, too.
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &header, sets) != 0) return;
  for (int half = 0; half < 2; half++) sets[half].effective = sets[half].permitted;
  syscall(SYS_capset, &header, sets);
}

// With root as user the rights that concern files are back, too.
void lx_return_to_reserve(void) { syscall(SYS_setfsuid, 0); }

int lx_keep_capabilities(uint64_t kept) {
  for (int number = 0; number < 64 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++) {
    if (kept >> number & 1) continue;
    // Takes CAP_SETPCAP. Who lacks that is bounded already, and no_new_privs keeps what is executed within this set.
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EPERM) return -1;
  }
  // EINVAL: older than Linux 4.3, which has no such set.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return -1;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &header, sets) != 0) return -1;
  for (int half = 0; half < 2; half++) {
    sets[half].permitted &= (uint32_t)(kept >> 32 * half);
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, sets) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
