# Run by cpack when all components are installed below a folder of their own, and none is packed yet.
foreach(package ${CPACK_COMPONENTS_ALL})
  execute_process(COMMAND ${CPACK_ENFORCER_DEBIAN}/finish ${CPACK_TEMPORARY_DIRECTORY}/${package} ${package}
                          ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE} ${CPACK_ENFORCER_BUILD}
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
