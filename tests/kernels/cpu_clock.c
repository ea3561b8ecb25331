/* SPDX-License-Identifier: Apache-2.0 */
/* Can the kernel sample each CPU by its clock, and tell which process ran? Opens one event a CPU,
 * keeps the CPUs busy for a moment, counts the samples that are of us. Prints a finding; exit code
 * 0 if every CPU told of us. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kHertz = 199, kPage = 4096, kPages = 8 };

struct sample {
  struct perf_event_header header;
  uint32_t pid, tid;
};

static void burn(void) {
  struct timespec now, end;

  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec++;
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

/* The head of a ring that did not wrap: so few samples have room. */
static int ours_in(const struct perf_event_mmap_page* page) {
  const char *at = (const char*)page + kPage, *end = at + page->data_head;
  int ours = 0;

  for (; at < end; at += ((const struct sample*)at)->header.size) {
    const struct sample* one = (const struct sample*)at;

    if (one->header.size == 0) break;
    ours += one->header.type == PERF_RECORD_SAMPLE && one->pid == (uint32_t)getpid();
  }
  return ours;
}

/* Samples of us on this CPU, or -1: it cannot be sampled. */
static int sample(int cpu) {
  struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                 .size = sizeof(attr),
                                 .config = PERF_COUNT_SW_CPU_CLOCK,
                                 .freq = 1,
                                 .sample_freq = kHertz,
                                 .sample_type = PERF_SAMPLE_TID};
  int event = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  cpu_set_t there;
  void* page;

  CPU_ZERO(&there);
  CPU_SET(cpu, &there);
  if (event < 0 || sched_setaffinity(0, sizeof(there), &there) != 0) return -1;
  page = mmap(0, (kPages + 1) * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
  if (page == MAP_FAILED) return -1;
  burn();
  return ours_in(page);
}

int main(void) {
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  int all = 0;

  for (int cpu = 0; cpu < cpus; cpu++) {
    int ours = sample(cpu);

    if (ours <= 0) {
      printf("CPU %d: %s\n", cpu, ours < 0 ? strerror(errno) : "no sample of a busy process");
      return 1;
    }
    all += ours;
  }
  printf("%ld CPUs, %d samples of a busy process by cpu-clock\n", cpus, all);
  return 0;
}
