# Compiler settings and the three functions by which every folder declares what it builds.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
include(GNUInstallDirs)

option(MILLRACE_TESTS "Build the tests" OFF)
option(MILLRACE_BENCH "Build the benchmarks" OFF)
option(MILLRACE_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers for every target, for example address,undefined")

# Paths that the incumbent's documents name; Debian's package overrides them.
set(MILLRACE_RUN_DIR "/run/amavisd" CACHE STRING "Folder of the default sockets and pid file")
set(MILLRACE_WORK_DIR "/var/spool/amavisd/tmp" CACHE STRING "Default working folder")
configure_file("${CMAKE_CURRENT_LIST_DIR}/millrace_build.h.in" "${PROJECT_BINARY_DIR}/generated/millrace_build.h" @ONLY)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

add_library(millrace_options INTERFACE)
target_include_directories(millrace_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
target_compile_options(millrace_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-exceptions)
if(MILLRACE_SANITIZE)
  # Frame pointers make the reports readable; abseil's headers warn under gcc's sanitizers' deeper inlining.
  target_compile_options(millrace_options INTERFACE
    "-fsanitize=${MILLRACE_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  target_link_options(millrace_options INTERFACE "-fsanitize=${MILLRACE_SANITIZE}")
endif()
if(MILLRACE_FUZZ)
  target_compile_options(millrace_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(PkgConfig REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(LIBMICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(LIBZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBSODIUM REQUIRED IMPORTED_TARGET libsodium)
if(MILLRACE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(MILLRACE_BENCH)
  find_package(benchmark REQUIRED)
endif()

# millrace_library(<name> SOURCES a.cc ... LIBS other ...)
function(millrace_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC millrace_options ${ARG_LIBS})
endfunction()

# millrace_program(<name> SOURCES main.cc ... LIBS ...): installed; mimalloc comes first, but not under a sanitizer.
function(millrace_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(NOT MILLRACE_SANITIZE AND NOT MILLRACE_FUZZ)
    find_package(mimalloc REQUIRED)
    target_link_libraries(${name} PRIVATE -Wl,--no-as-needed mimalloc -Wl,--as-needed)
  endif()
  target_link_libraries(${name} PRIVATE millrace_options ${ARG_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endfunction()

# millrace_test(<name> SOURCES x_test.cc ... LIBS ... [TIMEOUT seconds]): one ctest entry per program.
function(millrace_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} millrace_options GTest::gtest GTest::gtest_main Threads::Threads)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

# millrace_fuzz(<name> SOURCE x_fuzz.cc LIBS ...): with MILLRACE_FUZZ a libFuzzer target, its corpus in tests/fuzz/corpus/<name>.
function(millrace_fuzz name)
  cmake_parse_arguments(ARG "" "SOURCE" "LIBS" ${ARGN})
  if(MILLRACE_FUZZ)
    add_executable(${name} ${ARG_SOURCE})
    target_link_libraries(${name} PRIVATE ${ARG_LIBS} millrace_options)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
