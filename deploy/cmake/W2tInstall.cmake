# What an installed w2t is: the programs, and the libraries for find_package:
#
#   find_package(w2t REQUIRED COMPONENTS flow core client worker)
#   target_link_libraries(mine PRIVATE w2t::flow w2t::client w2t::worker)
#
# core and flow need neither gRPC nor Protobuf; client and worker do.
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/w2t)

# w2t_public_headers(TARGET FOLDER): the headers of FOLDER are the interface of
# TARGET. Each is compiled alone by the target all_verify_interface_header_sets,
# which shows that public headers need nothing but public ones.
function(w2t_public_headers target folder)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
  list(FILTER headers INCLUDE REGEX "${ARGN}")
  target_sources(${target} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/${folder} FILES ${headers})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

w2t_public_headers(w2t_core core/include "/w2t/(blueprint|diagnostic|graph|internal/suggest|limits)\\.h$")
w2t_public_headers(w2t_flow core/include "/w2t/flow(/.*)?[.]h$")
w2t_public_headers(w2t_client client/include "/client[^/]*\\.h$")
w2t_public_headers(w2t_worker client/include "/worker[^/]*\\.h$")

install(TARGETS w2td w2t w2t-worker
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME dev)
install(TARGETS w2t_core w2t_flow EXPORT w2tCore FILE_SET HEADERS)
install(TARGETS w2t_proto w2t_wire EXPORT w2tClient)
install(TARGETS w2t_client w2t_worker EXPORT w2tClient FILE_SET HEADERS)

install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/generated/w2t/v1
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/w2t FILES_MATCHING PATTERN "*.pb.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/w2t/v1
  DESTINATION ${CMAKE_INSTALL_DATADIR}/w2t/proto/w2t)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/deploy/examples
  DESTINATION ${CMAKE_INSTALL_DATADIR}/w2t COMPONENT runtime OPTIONAL)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}
  COMPONENT runtime)

install(EXPORT w2tCore NAMESPACE w2t:: FILE w2t-core.cmake DESTINATION ${config_dir})
install(EXPORT w2tClient NAMESPACE w2t:: FILE w2t-client.cmake DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/w2t-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/cmake/w2t-config.cmake
  ${PROJECT_BINARY_DIR}/w2t-config-version.cmake DESTINATION ${config_dir})
