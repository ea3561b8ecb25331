# SPDX-License-Identifier: Apache-2.0
# The flags of every C++ target, as one interface library.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

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
