# SPDX-License-Identifier: Apache-2.0
# sonde_protobuf(name proto): the C++ of a .proto file, made by protoc, as the static library <name>. Its header is
# included by the path of the .proto: "exporters/prometheus/metrics.pb.h".
find_program(SONDE_PROTOC NAMES protoc REQUIRED)

function(sonde_protobuf name proto)
  cmake_path(ABSOLUTE_PATH proto)
  cmake_path(RELATIVE_PATH proto BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE path)
  string(REGEX REPLACE "\\.proto$" "" path ${path})
  set(made ${CMAKE_BINARY_DIR}/generated/protobuf)
  add_custom_command(
    OUTPUT ${made}/${path}.pb.cc ${made}/${path}.pb.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND ${SONDE_PROTOC} --proto_path=${CMAKE_SOURCE_DIR} --cpp_out=${made} ${path}.proto
    DEPENDS ${proto}
    COMMENT "protobuf ${path}")
  # Others' code: our warnings are not asked of it, nor of its header.
  add_library(${name} STATIC ${made}/${path}.pb.cc)
  target_include_directories(${name} SYSTEM PUBLIC ${made})
  target_link_libraries(${name} PUBLIC dep_protobuf)
endfunction()
