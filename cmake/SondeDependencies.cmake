# SPDX-License-Identifier: Apache-2.0
# Outside libraries, each under one alias; docs/decisions/0002-dependencies.md says why each.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_library(YAML_LIBRARY NAMES yaml-cpp REQUIRED)
find_package(tsl-robin-map REQUIRED)
find_library(ELF_LIBRARY NAMES elf REQUIRED)
find_library(ZSTD_LIBRARY NAMES zstd REQUIRED)
find_library(Z_LIBRARY NAMES z REQUIRED)
find_library(LZMA_LIBRARY NAMES lzma REQUIRED)
find_library(SSL_LIBRARY NAMES ssl REQUIRED)
find_library(CRYPTO_LIBRARY NAMES crypto REQUIRED)
find_library(CRYPT_LIBRARY NAMES crypt REQUIRED)
find_library(PROTOBUF_LIBRARY NAMES protobuf-lite REQUIRED)
find_library(DW_LIBRARY NAMES dw REQUIRED)
if(SONDE_STATIC)
  find_library(ELF_ARCHIVE NAMES libelf.a REQUIRED)
  find_library(ZSTD_ARCHIVE NAMES libzstd.a REQUIRED)
  find_library(Z_ARCHIVE NAMES libz.a REQUIRED)
  set(elf ${ELF_ARCHIVE} ${ZSTD_ARCHIVE} ${Z_ARCHIVE})
  find_library(DW_ARCHIVE NAMES libdw.a REQUIRED)
  find_library(LZMA_ARCHIVE NAMES liblzma.a REQUIRED)
  find_library(BZ2_ARCHIVE NAMES libbz2.a REQUIRED)
  set(dw ${DW_ARCHIVE} ${ELF_ARCHIVE} ${LZMA_ARCHIVE} ${BZ2_ARCHIVE} ${ZSTD_ARCHIVE} ${Z_ARCHIVE})
  set(z ${Z_ARCHIVE})
  set(lzma ${LZMA_ARCHIVE})
  set(zstd ${ZSTD_ARCHIVE})
  find_library(YAML_ARCHIVE NAMES libyaml-cpp.a REQUIRED)
  set(yaml ${YAML_ARCHIVE})
  find_library(PROTOBUF_ARCHIVE NAMES libprotobuf-lite.a REQUIRED)
  set(protobuf ${PROTOBUF_ARCHIVE})
  find_library(SSL_ARCHIVE NAMES libssl.a REQUIRED)
  find_library(CRYPTO_ARCHIVE NAMES libcrypto.a REQUIRED)
  find_library(CRYPT_ARCHIVE NAMES libcrypt.a REQUIRED)
  set(ssl ${SSL_ARCHIVE} ${CRYPTO_ARCHIVE})
  set(crypt ${CRYPT_ARCHIVE})
else()
  set(elf ${ELF_LIBRARY} ${ZSTD_LIBRARY} ${Z_LIBRARY})
  set(dw ${DW_LIBRARY} ${ELF_LIBRARY})
  set(z ${Z_LIBRARY})
  set(lzma ${LZMA_LIBRARY})
  set(zstd ${ZSTD_LIBRARY})
  set(yaml ${YAML_LIBRARY})
  set(protobuf ${PROTOBUF_LIBRARY})
  set(ssl ${SSL_LIBRARY} ${CRYPTO_LIBRARY})
  set(crypt ${CRYPT_LIBRARY})
endif()

add_library(dep_libbpf INTERFACE)
target_include_directories(dep_libbpf SYSTEM INTERFACE ${LIBBPF_INCLUDE})
target_link_libraries(dep_libbpf INTERFACE ${LIBBPF_ARCHIVE} ${elf})
add_library(dep_zlib INTERFACE)
target_link_libraries(dep_zlib INTERFACE ${z})
add_library(dep_lzma INTERFACE)
target_link_libraries(dep_lzma INTERFACE ${lzma} Threads::Threads)
add_library(dep_zstd INTERFACE)
target_link_libraries(dep_zstd INTERFACE ${zstd})
add_library(dep_libdw INTERFACE)
target_link_libraries(dep_libdw INTERFACE ${dw})
add_library(dep_yaml INTERFACE)
target_link_libraries(dep_yaml INTERFACE ${yaml})
add_library(dep_protobuf INTERFACE)
target_link_libraries(dep_protobuf INTERFACE ${protobuf} Threads::Threads)
add_library(dep_crypt INTERFACE)
target_link_libraries(dep_crypt INTERFACE ${crypt})
add_library(dep_openssl INTERFACE)
target_link_libraries(dep_openssl INTERFACE ${ssl})
if(SONDE_STATIC)
  # OpenSSL and libdw refer to what they could load from the host, and never need here: see the file.
  add_library(host_doors_shut STATIC ${CMAKE_SOURCE_DIR}/cmake/host_doors_shut.c)
  foreach(library dep_openssl dep_libdw)
    target_link_libraries(${library} INTERFACE host_doors_shut)
    target_link_options(${library} INTERFACE -Wl,--wrap=dlopen,--wrap=getaddrinfo,--wrap=gethostbyname)
  endforeach()
endif()

# The C++ run time's own demangler, by the entry that hands out text piece by piece. The shared library does not export
# that one, so its object is taken out of the archive, for every kind of build alike.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.a OUTPUT_VARIABLE runtime_archive
                OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${CMAKE_AR} x ${runtime_archive} cp-demangle.o WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
                COMMAND_ERROR_IS_FATAL ANY)
add_library(dep_demangle INTERFACE)
# Rust's stands in libiberty, which is an archive only.
find_library(IBERTY_ARCHIVE NAMES libiberty.a REQUIRED)
# D's makes the whole text at once: its object is given functions of ours for memory, which end that
# (symbolizer/symbols/demangle_d.cc).
execute_process(COMMAND ${CMAKE_AR} x ${IBERTY_ARCHIVE} d-demangle.o WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_OBJCOPY} --redefine-sym dlang_demangle=sonde_dlang_demangle
                        --redefine-sym xmalloc=sonde_d_take --redefine-sym xrealloc=sonde_d_grow
                        --redefine-sym free=sonde_d_give_back --redefine-sym memcpy=sonde_d_copy d-demangle.o
                COMMAND ${CMAKE_COMMAND} -E rm -f libd-demangle.a
                WORKING_DIRECTORY ${CMAKE_BINARY_DIR} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_AR} rcs libd-demangle.a d-demangle.o WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
                COMMAND_ERROR_IS_FATAL ANY)
target_link_libraries(dep_demangle INTERFACE ${CMAKE_BINARY_DIR}/libd-demangle.a ${CMAKE_BINARY_DIR}/cp-demangle.o
                                             ${IBERTY_ARCHIVE})
