/* A disk that is slow or broken on demand: preloaded into the server, it holds up or fails every flush while a file says so.
 *
 * SLOW_DISK names a folder. While it has a file `slow`, a flush takes five seconds; while it has a file `broken`, it fails with EIO.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int there_is(const char *name) {
    char path[4096];
    const char *folder = getenv("SLOW_DISK");
    if (folder == NULL)
        return 0;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static int flush(long call, int file) {
    if (there_is("slow")) {
        struct timespec five_seconds = {.tv_sec = 5, .tv_nsec = 0};
        nanosleep(&five_seconds, NULL);
    }
    if (there_is("broken")) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fsync(int file) { return flush(SYS_fsync, file); }

int fdatasync(int file) { return flush(SYS_fdatasync, file); }
