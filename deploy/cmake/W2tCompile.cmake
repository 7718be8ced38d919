# How everything is compiled: warnings, sanitizers, and the launcher.
find_program(W2T_CCACHE ccache)
if(W2T_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the sources, so that every checkout shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_NOHASHDIR=1 ${W2T_CCACHE})
endif()

add_library(w2t_compile INTERFACE)
target_compile_options(w2t_compile INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
# g++ 12 sees overlaps in what std::string's operator+ copies, and at -O2
# overflows where a std::vector grows.
target_compile_options(w2t_compile INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-stringop-overflow>)
if(W2T_WERROR)
  target_compile_options(w2t_compile INTERFACE -Werror)
endif()
if(W2T_SANITIZE)
  add_compile_options(-fsanitize=${W2T_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${W2T_SANITIZE})
endif()

if(W2T_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# w2t_unity(TARGET): compiles a library's sources W2T_UNITY at a time. Those
# that cannot share a translation unit with others, most often since both give
# a name to something of their own, are kept apart: w2t_apart(SOURCES).
function(w2t_unity target)
  if(W2T_UNITY)
    set_target_properties(${target} PROPERTIES
      UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${W2T_UNITY})
  endif()
endfunction()
function(w2t_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# w2t_library(NAME SOURCES...): a static library w2t_NAME with the alias w2t::NAME.
function(w2t_library name)
  add_library(w2t_${name} STATIC ${ARGN})
  add_library(w2t::${name} ALIAS w2t_${name})
  set_target_properties(w2t_${name} PROPERTIES EXPORT_NAME ${name})
  w2t_unity(w2t_${name})
  target_link_libraries(w2t_${name} PRIVATE $<BUILD_INTERFACE:w2t_compile>)
  target_include_directories(w2t_${name} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()
