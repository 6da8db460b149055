/* dlopen(3) and dlsym(3) for ctypes: a static program has no dynamic linker, but contains the functions of libc.
 *
 * They replace musl's versions, which fail in a static program. `ctypes.CDLL(None)` returns a handle, through which the
 * functions in FUNCTIONS are found. A test compares that table with the functions that magicpak's modules call.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* musl has them, but no header of its own declares them. */
int capget(void *header, void *data);
int capset(void *header, const void *data);
int pivot_root(const char *new_root, const char *put_old);

#define FUNCTION(name) {#name, (void *)&name}

static const struct function {
    const char *name;
    void *address;
} FUNCTIONS[] = {
    FUNCTION(capget),
    FUNCTION(capset),
    FUNCTION(chroot),
    FUNCTION(mount),
    FUNCTION(pivot_root),
    FUNCTION(prctl),
    FUNCTION(process_vm_readv),
    FUNCTION(process_vm_writev),
    FUNCTION(ptrace),
    FUNCTION(sched_getcpu),
    FUNCTION(setfsgid),
    FUNCTION(setfsuid),
    FUNCTION(sethostname),
    FUNCTION(setns),
    FUNCTION(statfs),
    FUNCTION(syscall),
    FUNCTION(umount2),
    FUNCTION(unshare),
};

static char error[200];
static int has_failed;

static void *fail(const char *name, const char *why)
{
    snprintf(error, sizeof error, "%s: %s", name, why);
    has_failed = 1;
    return NULL;
}

void *dlopen(const char *file, int mode)
{
    (void)mode;
    return file == NULL ? (void *)FUNCTIONS : fail(file, "a static program cannot load libraries");
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    size_t i;

    (void)handle;
    for (i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(FUNCTIONS[i].name, name) == 0)
            return FUNCTIONS[i].address;
    return fail(name, "not in the table in standalone/dlshim.c");
}

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

char *dlerror(void)
{
    char *message = has_failed ? error : NULL;

    has_failed = 0;
    return message;
}
