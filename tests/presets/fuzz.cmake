# cmake -G Ninja -C tests/presets/fuzz.cmake -S . -B build/fuzz
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(PICKET_SANITIZE "address,undefined" CACHE STRING "")
set(PICKET_FUZZ ON CACHE BOOL "")
