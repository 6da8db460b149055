/* magicpak as a program: a CPython that finds all its modules in itself and runs magicpak.__main__.main(). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <signal.h>

extern const struct _frozen frozen_modules[];

/* CPython looks beside the program for its library, where it is not told that there is none. Were it told of no program,
 * it would look in the current directory, and end where that was removed. */
static const char NOWHERE[] = "/nonexistent";
static const char PROGRAM[] = "/nonexistent/magicpak";

static void check(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void set(PyConfig *config, wchar_t **field, const char *value)
{
    check(PyConfig_SetBytesString(config, field, value));
}

static void start(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;

    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;                        /* an image from scratch has no locales */
    before.allocator = PYMEM_ALLOCATOR_MIMALLOC; /* musl's malloc takes a tenth longer for a whole run */
    check(Py_PreInitialize(&before));

    PyConfig_InitIsolatedConfig(&config); /* no PYTHON* variable and no directory of the user has a part */
    config.site_import = 0;
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    config.parse_argv = 0; /* the options are magicpak's, not Python's */
    config.install_signal_handlers = 1;
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    set(&config, &config.program_name, "magicpak");
    set(&config, &config.executable, PROGRAM);
    set(&config, &config.home, NOWHERE);
    set(&config, &config.prefix, NOWHERE);
    set(&config, &config.base_prefix, NOWHERE);
    set(&config, &config.exec_prefix, NOWHERE);
    set(&config, &config.base_exec_prefix, NOWHERE);
    set(&config, &config.stdlib_dir, NOWHERE);
    config.module_search_paths_set = 1; /* sys.path is empty: no file of the host is imported */
    PyImport_FrozenModules = frozen_modules;
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

/* An interrupt ends the process until magicpak handles it, where Python would show the line that it was in. */
static void start_interruptible(int argc, char **argv)
{
    sigset_t interrupt, before;

    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    start(argc, argv);
    if (PyOS_getsig(SIGINT) != SIG_IGN)
        PyOS_setsig(SIGINT, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv)
{
    PyObject *module, *result = NULL;

    start_interruptible(argc, argv);
    module = PyImport_ImportModule("magicpak.__main__");
    if (module != NULL)
        result = PyObject_CallMethod(module, "main", NULL);
    if (result == NULL) {
        PyErr_Print(); /* ends the process with the code of a SystemExit */
        return 1;
    }
    return Py_FinalizeEx() < 0 ? 120 : 0;
}
