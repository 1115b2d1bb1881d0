/* Stands in for libFuzzer: gives every file of the folder named to the target, once. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20, PATH_SIZE = 4096 };

/* Returns 1 for a file given to the target, 0 for what is not a file, -1 on failure. */
static int replay_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size > INPUT_MAX) {
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        return 0;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return -1;
    }
    /* Exactly as large as the file, so that a sanitizer sees a read beyond it. */
    size_t size = (size_t)st.st_size;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    bool whole = bytes != NULL && fread(bytes, 1, size, file) == size;
    (void)fclose(file); /* only read from */
    if (whole) {
        (void)LLVMFuzzerTestOneInput(bytes, size); /* always 0 */
    }
    free(bytes);
    return whole ? 1 : -1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    int replayed = 0;
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[PATH_SIZE];
        int len = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        int result = len > 0 && len < (int)sizeof path ? replay_file(path) : -1;
        replayed += result > 0 ? 1 : 0;
        failed += result < 0 ? 1 : 0;
    }
    (void)closedir(folder);
    printf("%d inputs replayed, %d unreadable\n", replayed, failed);
    return replayed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
