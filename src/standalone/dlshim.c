/* What ctypes calls to find functions of libc: a static program has no dynamic linker, but all of them inside.
 *
 * These take the place of musl's dlopen(3), which fails in a static program. `ctypes.CDLL(None)` gets a handle, and
 * the functions that FUNCTIONS names. A test holds that table against what magicpak's modules use of ctypes.
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FUNCTION(name) {#name, (void *)&name}

static const struct function {
    const char *name;
    void *address;
} FUNCTIONS[] = {
    FUNCTION(chroot),
    FUNCTION(mount),
    FUNCTION(prctl),
    FUNCTION(process_vm_readv),
    FUNCTION(process_vm_writev),
    FUNCTION(ptrace),
    FUNCTION(sched_getcpu),
    FUNCTION(setfsgid),
    FUNCTION(setfsuid),
    FUNCTION(sethostname),
    FUNCTION(setns),
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
    return file == NULL ? (void *)FUNCTIONS : fail(file, "a static program loads no libraries");
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    size_t i;

    (void)handle;
    for (i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++)
        if (strcmp(FUNCTIONS[i].name, name) == 0)
            return FUNCTIONS[i].address;
    return fail(name, "not in the table of standalone/dlshim.c");
}

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

char *dlerror(void)
{
    char *said = has_failed ? error : NULL;

    has_failed = 0;
    return said;
}
