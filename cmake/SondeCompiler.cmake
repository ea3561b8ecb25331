# SPDX-License-Identifier: Apache-2.0
# The flags of every C++ target, as one interface library.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  # One cache for every checkout: what lies below it is named from its root.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
# So it is in what is built, wherever that was.
set(SONDE_OWN_PATHS -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
add_compile_options(${SONDE_OWN_PATHS})

add_library(sonde_flags INTERFACE)
target_include_directories(sonde_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sonde_flags INTERFACE -Wall -Wextra -Wshadow -Werror)
if(SONDE_SANITIZE)
  target_compile_options(sonde_flags INTERFACE -fsanitize=${SONDE_SANITIZE} -fno-omit-frame-pointer
                                               -fno-sanitize-recover=all)
  target_link_options(sonde_flags INTERFACE -fsanitize=${SONDE_SANITIZE})
  # GCC 12 reports false maybe-uninitialized under sanitizers: the release build keeps the warning.
  target_compile_options(sonde_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(SONDE_FUZZ)
  target_compile_options(sonde_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
