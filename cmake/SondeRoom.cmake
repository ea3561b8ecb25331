# SPDX-License-Identifier: Apache-2.0
# sonde_room(name DEPS room... LIBS library...): the library of the current folder, made of every .cc in it.
# A new file needs no line here; a new arrow between rooms needs one.
function(sonde_room name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(excluded ${ARG_EXCLUDE})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${excluded})
  endforeach()
  list(TRANSFORM ARG_DEPS PREPEND sonde_)
  if(sources)
    add_library(sonde_${name} STATIC ${sources})
    target_link_libraries(sonde_${name} PUBLIC sonde_flags ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(sonde_${name} INTERFACE)
    target_link_libraries(sonde_${name} INTERFACE sonde_flags ${ARG_DEPS} ${ARG_LIBS})
  endif()
endfunction()
