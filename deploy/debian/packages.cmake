# Three Debian packages by CPack (deploy/package): each install() belongs to one of them by its COMPONENT, which is
# `enforcer` unless it says otherwise (deploy/CMakeLists.txt). What only a Debian package has (changelog, modes, SBOM)
# is added by `finish`, so that `cmake --install` stays what it is.
set(debian ${CMAKE_CURRENT_LIST_DIR})

# purpose_packages(OUT PURPOSE...): what deploy/packages lists for these purposes, as `a, b, c`.
function(purpose_packages out)
  set(found "")
  foreach(purpose ${ARGN})
    file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/packages lines REGEX "^${purpose} ")
    foreach(line ${lines})
      string(REGEX REPLACE "^${purpose} +" "" line "${line}")
      string(REGEX REPLACE " +" ";" line "${line}")
      list(APPEND found ${line})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES found)
  list(JOIN found ", " text)
  set(${out} "${text}" PARENT_SCOPE)
endfunction()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/packages ${debian}/changelog)
purpose_packages(run run)
purpose_packages(image image image-root)
string(REGEX REPLACE "(^|, )(python3|util-linux)" "" image "${image}")  # needed below, and part of every Debian

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME enforcer)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
# The address is none, on purpose: reports go where .github/SECURITY.md says.
set(CPACK_PACKAGE_CONTACT "Enforcer maintainers <maintainers@enforcer.invalid>")
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_THREADS 1)  # xz writes other bytes for other numbers of threads
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)  # /etc is outside of the prefix
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL enforcer enforcerctl enforcer-dashboards)
set(CPACK_PROJECT_CONFIG_FILE ${debian}/reproducible.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${debian}/finish.cmake)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_ENFORCER_PACKAGE_NAME enforcer)
set(CPACK_DEBIAN_ENFORCER_DESCRIPTION "network policy enforcer for microVMs of AI agents
Everything that a guest sends is steered into a proxy that decides by name and
by policy, and the guest has no other way out. Decisions are recorded and
counted; credentials are added for the hosts that they are bound to.
.
This package has both daemons with their systemd units, examples of policies,
and what builds the images that guests start from.")
set(CPACK_DEBIAN_ENFORCER_PACKAGE_SECTION net)
set(CPACK_DEBIAN_ENFORCER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ENFORCER_PACKAGE_DEPENDS
    "enforcerctl (>= ${PROJECT_VERSION}), ${run}, python3:any, systemd | systemd-sysusers, systemd | systemd-tmpfiles")
set(CPACK_DEBIAN_ENFORCER_PACKAGE_RECOMMENDS "${image}")
set(CPACK_DEBIAN_ENFORCER_PACKAGE_SUGGESTS "enforcer-dashboards")
set(CPACK_DEBIAN_ENFORCER_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm
                                                ${debian}/conffiles)

set(CPACK_DEBIAN_ENFORCERCTL_PACKAGE_NAME enforcerctl)
set(CPACK_DEBIAN_ENFORCERCTL_DESCRIPTION "command line tool of Enforcer
Explains and checks policies of Enforcer, with the daemon or without it; reads
its audit log, answers requests that are held for review, and makes and uses
the guests of the daemons in the package enforcer.")
set(CPACK_DEBIAN_ENFORCERCTL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_ENFORCERCTL_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ENFORCERCTL_PACKAGE_SUGGESTS "enforcer")

set(CPACK_DEBIAN_ENFORCER-DASHBOARDS_PACKAGE_NAME enforcer-dashboards)
set(CPACK_DEBIAN_ENFORCER-DASHBOARDS_DESCRIPTION "dashboards, alerts and runbooks of Enforcer
Dashboards for Grafana with their provisioning files, a configuration and
rules for Prometheus, and a runbook for each alert.")
set(CPACK_DEBIAN_ENFORCER-DASHBOARDS_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_ENFORCER-DASHBOARDS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_ENFORCER-DASHBOARDS_PACKAGE_SUGGESTS "prometheus, grafana")

# What `finish` needs to know, beside what CPack tells it.
set(CPACK_ENFORCER_BUILD ${CMAKE_BINARY_DIR})
set(CPACK_ENFORCER_DEBIAN ${debian})
include(CPack)
