# The steps of the test: install, configure, build, run.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

# Nothing that is installed may point back to where it was built.
file(GLOB configs ${prefix}/${LIBDIR}/cmake/w2t/*.cmake)
foreach(config IN LISTS configs)
  file(READ ${config} text)
  string(FIND "${text}" "${BUILD_DIR}" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${config} names the build directory")
  endif()
endforeach()

# build(NAME SOURCE): a project outside, in ${WORK_DIR}/NAME.
function(build name source)
  run(${CMAKE_COMMAND} -S ${source} -B ${WORK_DIR}/${name}
    -G Ninja -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${CXX}
    -D "CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" -D CMAKE_BUILD_TYPE=Debug)
  run(${CMAKE_COMMAND} --build ${WORK_DIR}/${name})
endfunction()

build(build ${CMAKE_CURRENT_LIST_DIR}/consumer)
run(${WORK_DIR}/build/plan)
run(${WORK_DIR}/build/submit)
run(${WORK_DIR}/build/serve)
foreach(program w2td w2t w2t-worker)
  run(${prefix}/bin/${program} --version)
endforeach()

# The embedded library needs neither gRPC nor Protobuf, to be found, to be
# linked or to run.
build(flow ${CMAKE_CURRENT_LIST_DIR}/flow_consumer)
run(${WORK_DIR}/flow/flow)
execute_process(COMMAND ninja -C ${WORK_DIR}/flow -t commands flow
  OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ldd ${WORK_DIR}/flow/flow
  OUTPUT_VARIABLE libraries COMMAND_ERROR_IS_FATAL ANY)
file(READ ${WORK_DIR}/flow/CMakeCache.txt cache)
if(NOT commands MATCHES "libw2t_flow")
  message(FATAL_ERROR "the link line is not in:\n${commands}")
endif()
foreach(text IN ITEMS "${commands}" "${libraries}" "${cache}")
  string(TOLOWER "${text}" lower)
  if(lower MATCHES "grpc|protobuf")
    message(FATAL_ERROR "${CMAKE_MATCH_0} is needed by:\n${text}")
  endif()
endforeach()
