// SPDX-License-Identifier: Apache-2.0
/* The walker in the kernel, one search or one step at a run, for walker_bpf_test.cc. */
#include "bpf/lib/prelude.h"
#include "tests/bpf/walker_bench.h"

char LICENSE[] SEC("license") = "GPL";

/* One: what is asked and answered; user space writes it between two runs. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct walker_bench);
} bench SEC(".maps");

/* One chunk of rows, as the kernel side keeps them. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, SONDE_CHUNK_SIZE);
} chunk SEC(".maps");

static __always_inline bool is_code(struct walker_bench* b, __u64 pc) {
  return pc >= b->code_begin && pc < b->code_end;
}

static __always_inline int read_register(struct walker_bench* b, __u32 number, __u64* to) {
  if (number >= 32) {
    return -1;
  }
  *to = b->registers[number & 31];
  return 0;
}

#define SONDE_READ_MEMORY(from, to, size, address) bpf_probe_read_user(to, size, (void*)(address))
#define SONDE_READ_REGISTER(from, number, to) read_register(from, number, to)
#define SONDE_IS_CODE(from, pc) is_code(from, pc)
#define SONDE_ROW_LO(rows, index) ((rows)[(index) & (SONDE_CHUNK_ROWS - 1)].lo)
#include "bpf/unwind/walker.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sonde_row_search);
} searches SEC(".maps");

SEC("raw_tp/sys_enter")
int find(void* ctx) {
  __u32 zero = 0;
  struct walker_bench* b = bpf_map_lookup_elem(&bench, &zero);
  struct sonde_row_search* search = bpf_map_lookup_elem(&searches, &zero);
  const struct sonde_row* rows = bpf_map_lookup_elem(&chunk, &zero);

  if (!b || !search || !rows) {
    return 0;
  }
  sonde_begin_row_search(search, b->first, b->count, b->lo);
  SONDE_FIND_ROW(search, rows);
  b->found = search->at;
  return 0;
}

SEC("raw_tp/sys_enter")
int step(void* ctx) {
  __u32 zero = 0;
  struct walker_bench* b = bpf_map_lookup_elem(&bench, &zero);

  if (b) {
    b->step = sonde_step_by_rule(b, &b->rule, &b->frame);
  }
  return 0;
}

SEC("raw_tp/sys_enter")
int step_by_fp(void* ctx) {
  __u32 zero = 0;
  struct walker_bench* b = bpf_map_lookup_elem(&bench, &zero);

  if (b) {
    b->step = sonde_step_by_fp(b, &b->frame, 1);
  }
  return 0;
}
