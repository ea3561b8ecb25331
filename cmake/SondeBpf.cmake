# SPDX-License-Identifier: Apache-2.0
# sonde_bpf_object(source): compiles <name>.bpf.c, makes skel/<name>.skel.h of it; the target is bpf_<name>.
set(SONDE_CACHE_DIR "$ENV{SONDE_CACHE}")
if(NOT SONDE_CACHE_DIR)
  set(SONDE_CACHE_DIR "$ENV{HOME}/.cache/sonde")
endif()
set(SONDE_PREFIX ${SONDE_CACHE_DIR}/root CACHE PATH "Where scripts/setup unpacked libbpf and bpftool")
# A toolchain file has its own: bpftool runs here, libbpf does not.
if(NOT SONDE_TARGET_PREFIX)
  set(SONDE_TARGET_PREFIX ${SONDE_PREFIX})
endif()

find_program(SONDE_BPF_CLANG NAMES clang-19 REQUIRED)
find_program(SONDE_BPFTOOL NAMES bpftool PATHS ${SONDE_PREFIX}/usr/sbin NO_DEFAULT_PATH REQUIRED)
find_path(LIBBPF_INCLUDE bpf/libbpf.h PATHS ${SONDE_TARGET_PREFIX}/usr/include NO_DEFAULT_PATH
          NO_CMAKE_FIND_ROOT_PATH REQUIRED)
find_library(LIBBPF_ARCHIVE libbpf.a PATHS ${SONDE_TARGET_PREFIX}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
             NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(SONDE_BPF_ARCH arm64)
else()
  set(SONDE_BPF_ARCH x86)
endif()

function(sonde_bpf_object source)
  get_filename_component(file ${source} NAME)
  string(REPLACE ".bpf.c" "" name ${file})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_BINARY_DIR}/generated/skel/${name}.skel.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${SONDE_BPF_CLANG} -g -O2 -std=gnu17 -target bpf -mcpu=v3 -D__TARGET_ARCH_${SONDE_BPF_ARCH}
            -DSONDE_CFI_UNWIND=$<BOOL:${SONDE_CFI_UNWIND}>
            -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations ${SONDE_OWN_PATHS} -I${CMAKE_SOURCE_DIR} -isystem ${LIBBPF_INCLUDE}
            -isystem ${CMAKE_SYSROOT}/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF ${name}")
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated/skel
    COMMAND ${SONDE_BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${object}
    COMMENT "skeleton ${name}")
  add_custom_target(bpf_${name} DEPENDS ${skeleton})
endfunction()
