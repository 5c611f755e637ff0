/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once for each file of the given folders (and for no bytes at all), so that
 * the normal test run replays the corpus without libFuzzer. It does not search for new inputs:
 * `make fuzz` does. One thread; the target must not keep the bytes.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_FILE_SIZE_MAX (16u * 1024u * 1024u)
#define REPLAY_PATH_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Gives one file to the target, in a block of exactly its size so that sanitizers see overruns. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *whole = malloc(REPLAY_FILE_SIZE_MAX);
    size_t size = whole == NULL ? 0 : fread(whole, 1, REPLAY_FILE_SIZE_MAX, file);
    int failed = whole == NULL || ferror(file) != 0;
    (void)fclose(file);
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (failed || exact == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(whole);
        free(exact);
        return 1;
    }
    if (size > 0) {
        memcpy(exact, whole, size);
    }
    free(whole);
    /* A crash leaves this line as the last one, so that the culprit is known. */
    fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

/** Replays every regular file of a folder; returns how many failed, counting all in *count. */
static int replay_folder(const char *folder, int *count)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        return 1;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[REPLAY_PATH_SIZE];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path) {
            fprintf(stderr, "%s/%s: path too long\n", folder, entry->d_name);
            failed++;
            continue;
        }
        failed += replay_file(path);
        (*count)++;
    }
    (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    static const uint8_t nothing[1] = {0};
    int failed = 0;
    int count = 0;
    (void)LLVMFuzzerTestOneInput(nothing, 0);
    for (int i = 1; i < argc; i++) {
        failed += replay_folder(argv[i], &count);
    }
    printf("%d inputs replayed, %d unreadable\n", count, failed);
    return failed > 0 ? 1 : 0;
}
