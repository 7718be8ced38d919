# Compiles SOURCE twice; see CMakeLists.txt. Without one, prepares the header
# that all of them include, which takes most of the time.
set(ENV{LC_ALL} C)
set(flags -std=c++20 -Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-unused
  -fdiagnostics-color=never -I ${INCLUDE})
set(header ${WORK_DIR}/prepared.h)

if(NOT SOURCE)
  file(MAKE_DIRECTORY ${WORK_DIR})
  file(WRITE ${header} "#include \"w2t/flow.h\"\n")
  if(NAME STREQUAL "g++")
    set(prepared ${header}.gch)
  else()
    set(prepared ${header}.pch)
  endif()
  execute_process(COMMAND ${CXX} ${flags} -x c++-header ${header} -o ${prepared}
    COMMAND_ERROR_IS_FATAL ANY)
  return()
endif()

# compile(DEFINITIONS...): sets `failed` and `output`.
function(compile)
  execute_process(
    COMMAND ${CXX} ${flags} -include ${header} -fsyntax-only ${ARGN} ${SOURCE}
    RESULT_VARIABLE failed ERROR_VARIABLE output OUTPUT_QUIET)
  set(failed ${failed} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()

string(REPLACE "+" "[+]" name "${NAME}")
file(STRINGS ${SOURCE} text REGEX "^// expect(\\(${name}\\))?: " LIMIT_COUNT 1)
string(REGEX REPLACE "^[^:]*: " "" text "${text}")
if(NOT text)
  message(FATAL_ERROR "${SOURCE} does not say what to expect of ${NAME}")
endif()

compile(-D W2T_FIXED)
if(failed)
  message(FATAL_ERROR "does not compile without its fault either:\n${output}")
endif()

compile()
if(NOT failed)
  message(FATAL_ERROR "compiles, but must not")
endif()
# As one compiler would put it: 'a', 'b' and Text<3>{"ab"} become "ab".
set(plain "${output}")
string(REGEX REPLACE "Text<[0-9]+>{(\"[^\"]*\")}" "\\1" plain "${plain}")
string(REPLACE "', '" "" plain "${plain}")
string(REGEX REPLACE "<'([^']*)'>" "<\"\\1\">" plain "${plain}")
string(REPLACE "w2t::flow::" "" plain "${plain}")
string(REPLACE " &" "&" plain "${plain}")
string(REPLACE ";" "," plain "${plain}")
string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${plain}")
list(LENGTH errors count)
string(FIND "${errors}" "${text}" at)
if(NOT count EQUAL 1 OR at EQUAL -1)
  message(FATAL_ERROR
    "there must be one error, with ${text}\nbut there are ${count}: ${errors}\n${output}")
endif()
