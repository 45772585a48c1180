# SPDX-License-Identifier: BSD-3-Clause
# What a kernel library is compiled with, and the instruction-set variants of it.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(TAUT_DEFAULT_VARIANTS "v1;v3")
else()
  set(TAUT_DEFAULT_VARIANTS "v1")
endif()

# taut_variant_flags(<out> <variant>): compiler flags of a variant; v1 is the processor's baseline.
function(taut_variant_flags out variant)
  if(variant STREQUAL "v1")
    set(flags "")
  elseif(variant STREQUAL "v3" AND "v3" IN_LIST TAUT_DEFAULT_VARIANTS)
    if(MSVC)
      set(flags "/arch:AVX2")
    else()
      set(flags "-march=x86-64-v3")
    endif()
  else()
    message(FATAL_ERROR "TAUT_VARIANTS holds '${variant}'; this processor allows: "
                        "${TAUT_DEFAULT_VARIANTS}")
  endif()
  set(${out} "${flags}" PARENT_SCOPE)
endfunction()

# taut_kernel_library(<name> [flags...]): static library of every file below cpp/src.
function(taut_kernel_library name)
  add_library(${name} STATIC ${TAUT_SOURCES})
  target_compile_features(${name} PUBLIC cxx_std_17)
  target_include_directories(
    ${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include>
                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  # EIGEN_DONT_PARALLELIZE: threads are opened in core/parallel.hpp and nowhere else.
  target_compile_definitions(
    ${name} PUBLIC EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE
    PRIVATE TAUT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PUBLIC Eigen3::Eigen Threads::Threads)
  target_compile_options(${name} PUBLIC ${ARGN})
  if(NOT MSVC)
    # Vectorisation hints in headers only: no OpenMP runtime comes with this.
    target_compile_options(${name} PUBLIC -fopenmp-simd)
    # No -ffast-math: NaN checks, infinite penalties and compensated sums must keep their meaning.
    target_compile_options(${name} PRIVATE -fno-math-errno -ffp-contract=fast)
  endif()
  set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET hidden
                                           VISIBILITY_INLINES_HIDDEN ON)
  taut_strict(${name})
endfunction()

# taut_strict(<target>): warnings as errors and sanitizers, when asked for.
function(taut_strict target)
  if(TAUT_WERROR AND NOT MSVC)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Werror)
  endif()
  if(TAUT_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${TAUT_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${TAUT_SANITIZE})
  endif()
endfunction()
