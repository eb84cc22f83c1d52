#define _GNU_SOURCE
#include "CLinux.h"
#include "Signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void lx_expect_children(void) {
  signal(SIGCHLD, SIG_DFL);
}

int lx_reset_signals(void) {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    // Handlers are not inherited: the only ones are this program's own.
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) signal(number, SIG_DFL);
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  // What the supervisor waits for has to be blocked from here on: between two masks it could be met by the default.
  sigset_t set;
  lx_supervisor_signals(&set);
  return sigprocmask(SIG_SETMASK, &set, NULL);
}

static const int resources[] = {
    [lx_limit_file_size] = RLIMIT_FSIZE, [lx_limit_address_space] = RLIMIT_AS,   [lx_limit_data] = RLIMIT_DATA,
    [lx_limit_processor_time] = RLIMIT_CPU, [lx_limit_processes] = RLIMIT_NPROC,
};

uint64_t lx_lift_limit(enum lx_limit which) {
  struct rlimit limit, none = {RLIM_INFINITY, RLIM_INFINITY};
  int resource = resources[which];
  if (getrlimit(resource, &limit) != 0) return UINT64_MAX;
  if (limit.rlim_cur == RLIM_INFINITY || setrlimit(resource, &none) == 0) return UINT64_MAX;
  struct rlimit raised = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(resource, &raised) == 0) limit = raised;
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

void lx_forgo_dumps(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_CORE, &limit);
}

void lx_set_stacks(uint64_t size) {
  // That of the first thread grows up to the limit; those of others are as large as was set when the program began.
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size) {
    limit.rlim_cur = limit.rlim_max < size ? limit.rlim_max : size;
    setrlimit(RLIMIT_STACK, &limit);
  }
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  if (pthread_attr_setstacksize(&attributes, size) == 0) pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

void lx_reset_scheduling(void) {
  struct sched_param none = {0};
  if (sched_getscheduler(0) != SCHED_OTHER) sched_setscheduler(0, SCHED_OTHER, &none);
  // IOPRIO_WHO_PROCESS; the class is in the upper three bits: 1 is real time, 3 is idle.
  long class = syscall(SYS_ioprio_get, 1, 0) >> 13;
  if (class == 1 || class == 3) syscall(SYS_ioprio_set, 1, 0, 0);
}
