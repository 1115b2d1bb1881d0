# cmake -G Ninja -C tests/presets/cover.cmake -S . -B build/cover
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_C_FLAGS "--coverage -O0" CACHE STRING "")
