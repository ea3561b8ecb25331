# SPDX-License-Identifier: Apache-2.0
# Toolchain of the preset arm64: Debian's cross compiler, libraries of that architecture below the cache
# (scripts/setup --arm64), tests under QEMU's user emulation (docs/decisions/0006-arm64-cross-build.md).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(SONDE_CACHE_DIR "$ENV{SONDE_CACHE}")
if(NOT SONDE_CACHE_DIR)
  set(SONDE_CACHE_DIR "$ENV{HOME}/.cache/sonde")
endif()
set(CMAKE_SYSROOT ${SONDE_CACHE_DIR}/sysroot-arm64)
set(SONDE_TARGET_PREFIX ${SONDE_CACHE_DIR}/newer-arm64)
if(NOT EXISTS ${CMAKE_SYSROOT}/usr/include)
  message(FATAL_ERROR "there is nothing to build arm64 with in ${CMAKE_SYSROOT}: run scripts/setup --arm64")
endif()

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# The variable is for tests/support/user_emulation.h.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -E SONDE_USER_EMULATION=1)

# What runs while building is this machine's, what is linked is the other's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
