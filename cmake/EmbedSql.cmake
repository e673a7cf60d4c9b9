# embed_sql(TARGET HEADER FILE...): makes HEADER with one constant keyrota::sql::<base name of FILE> for each statement. Their
# texts go into a source of their own, so that who edits one compiles that and not all that includes HEADER.
# embed_migrations(TARGET HEADER FILE...): makes HEADER with keyrota::sql::migrations, whole files in order of name.
# embed_texts(TARGET HEADER FILE...): makes HEADER with keyrota::<base name of HEADER>, whole files by their name without ending.
function(embed_sql target header)
  _embed(${target} ${header} statements ${ARGN})
endfunction()

function(embed_migrations target header)
  _embed(${target} ${header} migrations ${ARGN})
endfunction()

function(embed_texts target header)
  _embed(${target} ${header} texts ${ARGN})
endfunction()

function(_embed target header kind)
  set(output ${CMAKE_BINARY_DIR}/generated/${header})
  set(source "")
  if(kind STREQUAL "statements")
    string(REGEX REPLACE "\\.h$" ".cpp" source ${output})
    set(outputs OUTPUT ${source} BYPRODUCTS ${output})  # a byproduct that stays the same makes nobody compile
  else()
    set(outputs OUTPUT ${output})
  endif()
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  string(REPLACE ";" "|" files "${ARGN}")
  add_custom_command(
    ${outputs}
    COMMAND ${CMAKE_COMMAND} -DKIND=${kind} "-DFILES=${files}" -DOUTPUT=${output} -DSOURCE=${source} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding SQL into ${header}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output} ${source})
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/generated)
endfunction()
