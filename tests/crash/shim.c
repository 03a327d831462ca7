/* Every write, flush, rename, open for writing, removal and new folder below one folder is a point; at one of
   them the process is killed, told to stop, or refused.  Loaded by LD_PRELOAD, so nothing of the program under
   test is known here, in whatever language its libraries are written.

   arm(folder, at, fault, other, log): points are counted from 1; log: a file descriptor for a line a point. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, TEAR, TERM, INTERRUPT, KILL_OTHER, FULL, BROKEN, READ_ONLY };

static char folder[PATH_MAX];
static size_t length;
static atomic_long points;
static long at_point;
static int fault, other, log_to = -1;

void arm(const char *where, long at, int what, int pid, int log) {
    strncpy(folder, where, sizeof folder - 1);
    length = strlen(folder);
    at_point = at, fault = what, other = pid, log_to = log;
    atomic_store(&points, 0);
}

long reached(void) { return atomic_load(&points); }

static int below(const char *path) {
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static const char *of_descriptor(int descriptor, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, into, PATH_MAX - 1);
    into[n < 0 ? 0 : n] = 0;
    return into;
}

static const char *of_path(int at, const char *path, char *into) {
    if (path[0] == '/') return path;
    if (at == AT_FDCWD) {
        if (!getcwd(into, PATH_MAX / 2)) return path;
    } else {
        of_descriptor(at, into);
    }
    strcat(into, "/");
    return strncat(into, path, PATH_MAX - strlen(into) - 1);
}

/* 0: go on.  Else errno, after half of a write where there is one. */
static int point(const char *what, const char *path) {
    if (!below(path)) return 0;
    long now = atomic_fetch_add(&points, 1) + 1;
    if (log_to >= 0) {
        char line[PATH_MAX + 64];
        int n = snprintf(line, sizeof line, "%ld %s %s\n", now, what, path + length);
        syscall(SYS_write, log_to, line, n);
    }
    if (now < at_point) return 0;
    if (now == at_point) {
        if (fault == KILL || (fault == TEAR && strcmp(what, "write"))) syscall(SYS_kill, getpid(), SIGKILL);
        if (fault == TERM) syscall(SYS_kill, getpid(), SIGTERM);
        if (fault == INTERRUPT) syscall(SYS_kill, getpid(), SIGINT);
        if (fault == KILL_OTHER) syscall(SYS_kill, other, SIGKILL);
        if (fault == TEAR) return -1;
        if (fault == BROKEN) return EIO;
    }
    if (fault == FULL && (!strcmp(what, "write") || !strcmp(what, "mkdir") || !strcmp(what, "create")))
        return ENOSPC;
    if (fault == READ_ONLY) return EROFS;
    return 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define REFUSED(error) do { int e = (error); if (e) { errno = e; return -1; } } while (0)

static ssize_t after_half(int error, int descriptor, const void *bytes, size_t n, off_t place) {
    size_t half = error == EROFS ? 0 : n / 2;
    if (half && place >= 0) syscall(SYS_pwrite64, descriptor, bytes, half, place);
    if (half && place < 0) syscall(SYS_write, descriptor, bytes, half);
    if (error < 0) syscall(SYS_kill, getpid(), SIGKILL);
    errno = error;
    return -1;
}

ssize_t write(int descriptor, const void *bytes, size_t n) {
    char name[PATH_MAX];
    REAL(write);
    int error = length && descriptor > 2 ? point("write", of_descriptor(descriptor, name)) : 0;
    return error ? after_half(error, descriptor, bytes, n, -1) : real(descriptor, bytes, n);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    char name[PATH_MAX];
    REAL(writev);
    int error = length && descriptor > 2 ? point("write", of_descriptor(descriptor, name)) : 0;
    return error ? after_half(error, descriptor, parts->iov_base, parts->iov_len, -1) : real(descriptor, parts, count);
}

#define PWRITE(function) \
    ssize_t function(int descriptor, const void *bytes, size_t n, off_t place) { \
        char name[PATH_MAX]; \
        REAL(function); \
        int error = length && descriptor > 2 ? point("write", of_descriptor(descriptor, name)) : 0; \
        return error ? after_half(error, descriptor, bytes, n, place) : real(descriptor, bytes, n, place); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define OPEN(function, place, parameters, ...) \
    int function parameters { \
        char name[PATH_MAX] = ""; \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        REAL(function); \
        if (length && flags & (O_WRONLY | O_RDWR)) \
            REFUSED(point(flags & O_CREAT ? "create" : "open", of_path(place, path, name))); \
        return real(__VA_ARGS__, mode); \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), path, flags)
OPEN(openat, at, (int at, const char *path, int flags, ...), at, path, flags)
OPEN(openat64, at, (int at, const char *path, int flags, ...), at, path, flags)

#define FLUSH(function) \
    int function(int descriptor) { \
        char name[PATH_MAX]; \
        REAL(function); \
        if (length) REFUSED(point("flush", of_descriptor(descriptor, name))); \
        return real(descriptor); \
    }
FLUSH(fsync)
FLUSH(fdatasync)

int ftruncate64(int descriptor, off64_t size) {
    char name[PATH_MAX];
    REAL(ftruncate64);
    if (length) REFUSED(point("truncate", of_descriptor(descriptor, name)));
    return real(descriptor, size);
}

int rename(const char *from, const char *to) {
    char name[PATH_MAX] = "";
    REAL(rename);
    if (length) REFUSED(point("rename", of_path(AT_FDCWD, to, name)));
    return real(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char name[PATH_MAX] = "";
    REAL(renameat);
    if (length) REFUSED(point("rename", of_path(to_at, to, name)));
    return real(from_at, from, to_at, to);
}

int unlink(const char *path) {
    char name[PATH_MAX] = "";
    REAL(unlink);
    if (length) REFUSED(point("unlink", of_path(AT_FDCWD, path, name)));
    return real(path);
}

int unlinkat(int at, const char *path, int flags) {
    char name[PATH_MAX] = "";
    REAL(unlinkat);
    if (length) REFUSED(point("unlink", of_path(at, path, name)));
    return real(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    char name[PATH_MAX] = "";
    REAL(mkdir);
    if (length) REFUSED(point("mkdir", of_path(AT_FDCWD, path, name)));
    return real(path, mode);
}

int rmdir(const char *path) {
    char name[PATH_MAX] = "";
    REAL(rmdir);
    if (length) REFUSED(point("rmdir", of_path(AT_FDCWD, path, name)));
    return real(path);
}
