# cmake -G Ninja -C tests/presets/asan.cmake -S . -B build/asan
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(PICKET_SANITIZE "address,undefined" CACHE STRING "")
set(PICKET_WERROR ON CACHE BOOL "")
