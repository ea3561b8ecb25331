// SPDX-License-Identifier: Apache-2.0
// In a static binary these calls would load shared objects of the host, of another version than the
// one linked (docs/decisions/0001-linking.md). OpenSSL refers to them in parts that we do not use:
// modules, and connecting by name. The linker's --wrap puts these in their place.
#include <stddef.h>

enum { name_is_unknown = -2 };  // EAI_NONAME

void* __wrap_dlopen(const char* file, int flags) {
  (void)file;
  (void)flags;
  return NULL;
}

int __wrap_getaddrinfo(const char* node, const char* service, const void* hints, void** found) {
  (void)node;
  (void)service;
  (void)hints;
  *found = NULL;
  return name_is_unknown;
}

void* __wrap_gethostbyname(const char* name) {
  (void)name;
  return NULL;
}
