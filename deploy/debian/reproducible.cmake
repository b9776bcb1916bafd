# Read by cpack before it packs: the same build gives the same bytes whenever and wherever it is packed. All times are
# SOURCE_DATE_EPOCH: what the caller says, else the last commit, else, in a tree without git, the changelog's date.
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  set(source ${CPACK_ENFORCER_DEBIAN}/../..)
  execute_process(COMMAND git -c safe.directory=* -C ${source} log -1 --format=%ct
                  OUTPUT_VARIABLE epoch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    execute_process(COMMAND dpkg-parsechangelog --file ${CPACK_ENFORCER_DEBIAN}/changelog --show-field Timestamp
                    OUTPUT_VARIABLE epoch OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  endif()
  set(ENV{SOURCE_DATE_EPOCH} ${epoch})
endif()
set(ENV{LC_ALL} C.UTF-8)
set(ENV{TZ} UTC)
