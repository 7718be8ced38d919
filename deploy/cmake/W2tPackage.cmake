# What `cpack -G DEB` makes: w2t, and w2t-dev. deploy/make-packages calls it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME w2t)
set(CPACK_PACKAGE_CONTACT "The w2t authors <w2t@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "when2task for a fleet of machines")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME w2t)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  ${PROJECT_BINARY_DIR}/packaging/conffiles
  ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
  ${PROJECT_SOURCE_DIR}/deploy/debian/prerm)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
  "The daemon w2td, the worker w2t-worker and the command line w2t: starts every\n task of a graph the moment it may start, on whichever worker fits.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME w2t-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
  "libabsl-dev, libfmt-dev, libgrpc++-dev, libprotobuf-dev, libspdlog-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION
  "Headers and libraries: a graph of functions inside one program (w2t::flow), the\n client of the daemon (w2t::client), and the worker SDK (w2t::worker).")

# In /etc beside the prefix /usr, and kept when their owner has changed them.
set(w2t_conffiles /etc/w2t/w2td.yaml /etc/default/w2t-worker)
list(JOIN w2t_conffiles "\n" w2t_conffile_lines)
file(WRITE ${PROJECT_BINARY_DIR}/packaging/conffiles "${w2t_conffile_lines}\n")
install(FILES deploy/systemd/w2td.yaml DESTINATION /etc/w2t
  COMPONENT runtime EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/w2t-worker.default DESTINATION /etc/default
  RENAME w2t-worker COMPONENT runtime EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/w2td.service deploy/systemd/w2t-worker.service
  DESTINATION /lib/systemd/system COMPONENT runtime EXCLUDE_FROM_ALL)
install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION share/man/man1
  COMPONENT runtime EXCLUDE_FROM_ALL FILES_MATCHING PATTERN "*.1.gz")
install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION share/man/man8
  COMPONENT runtime EXCLUDE_FROM_ALL FILES_MATCHING PATTERN "*.8.gz")
include(CPack)
