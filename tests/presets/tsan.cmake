# cmake -G Ninja -C tests/presets/tsan.cmake -S . -B build/tsan
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(PICKET_SANITIZE "thread" CACHE STRING "")
set(PICKET_WERROR ON CACHE BOOL "")
