# embed_sql(TARGET HEADER FILE...): makes HEADER with one constant keyrota::sql::<base name of FILE> for each statement.
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
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  string(REPLACE ";" "|" files "${ARGN}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DKIND=${kind} "-DFILES=${files}" -DOUTPUT=${output} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding SQL into ${header}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/generated)
endfunction()
