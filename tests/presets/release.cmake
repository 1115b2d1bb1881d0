# cmake -G Ninja -C tests/presets/release.cmake -S . -B build/release
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(PICKET_WERROR ON CACHE BOOL "")
