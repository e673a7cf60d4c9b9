# The Debian package, by `./dev package`: build the target packaged_texts, then run cpack.
#
# What it installs is what the repository has (units and crontab of cron/, the configuration, templates, docs) and what the
# program says of itself (manual pages, completions).

set(KEYROTA_DEBIAN_REVISION 1)
set(texts ${CMAKE_BINARY_DIR}/package)
set(scripts ${CMAKE_BINARY_DIR}/package-scripts)

add_custom_target(
  packaged_texts
  COMMAND ${CMAKE_SOURCE_DIR}/cmake/package/make_texts.sh $<TARGET_FILE:keyrota> ${CMAKE_SOURCE_DIR}
          ${PROJECT_VERSION}-${KEYROTA_DEBIAN_REVISION} ${texts}
  DEPENDS keyrota
  COMMENT "Manual pages and completions"
  VERBATIM)

file(GLOB units CONFIGURE_DEPENDS cron/systemd/*)
file(GLOB timers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/cron/systemd cron/systemd/*.timer)
string(REPLACE ";" " " TIMERS "${timers}")
set(UNITS "keyrota-db.service ${TIMERS}")
foreach(script postinst prerm postrm)
  configure_file(cmake/package/${script}.in ${scripts}/${script} @ONLY FILE_PERMISSIONS OWNER_READ OWNER_WRITE
                 OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()
file(WRITE ${scripts}/conffiles "/etc/keyrota/keyrota.yaml\n")

set(doc share/doc/keyrota)
install(TARGETS keyrota RUNTIME DESTINATION bin)
install(FILES config/keyrota.yaml DESTINATION /etc/keyrota)
install(FILES ${units} DESTINATION /lib/systemd/system)
install(DIRECTORY config/templates DESTINATION share/keyrota)
install(DIRECTORY ${texts}/man/ DESTINATION share/man/man1)
install(FILES ${texts}/keyrota.bash DESTINATION share/bash-completion/completions RENAME keyrota)
install(FILES ${texts}/_keyrota DESTINATION share/zsh/vendor-completions)
install(FILES README.md cmake/package/copyright ${texts}/changelog.gz ${texts}/changelog.Debian.gz DESTINATION ${doc})
install(DIRECTORY docs/ DESTINATION ${doc} PATTERN adr EXCLUDE)
install(DIRECTORY config/checks.d config/maps config/sample cron/kubernetes DESTINATION ${doc}/examples)
install(FILES cron/keyrota.crontab DESTINATION ${doc}/examples)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME keyrota)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "keyrota maintainers <maintainers@keyrota.example>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${KEYROTA_DEBIAN_REVISION})
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "batch audit and rotation of API keys in PostgreSQL")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "keyrota expires the API keys of a key database that are due, flags those that\nare old, unused, over-privileged or behave strangely, rotates what must change,\ntells the owners by mail, and leaves a trail that an auditor can verify. Timers\nstart it; it keeps no state outside PostgreSQL."
)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
# PostgreSQL for the embedded database; with a server elsewhere it is not needed.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postgresql-15 | postgresql, postgresql-client-15 | postgresql-client, systemd | cron, ca-certificates, tzdata")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "default-mta | mail-transport-agent")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${scripts}/postinst;${scripts}/prerm;${scripts}/postrm;${scripts}/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
