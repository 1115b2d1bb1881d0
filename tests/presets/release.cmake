# What users get: a warning of a compiler newer than ours must not end their build. tests/run adds
# -DPICKET_WERROR=ON.
# cmake -G Ninja -C tests/presets/release.cmake -S . -B build/release
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
