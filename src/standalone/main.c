/* magicpak as a program: a CPython with frozen modules that runs magicpak.__main__.main(). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <signal.h>

extern const struct _frozen frozen_modules[];

/* By default CPython searches for its library next to the program. Without a program path it would search in the current
 * directory, and exit if that has been removed. */
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
    before.allocator = PYMEM_ALLOCATOR_MIMALLOC; /* with musl's malloc a whole run takes a tenth longer */
    check(Py_PreInitialize(&before));

    PyConfig_InitIsolatedConfig(&config); /* ignore PYTHON* variables and the user's site directory */
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

/* Until magicpak handles SIGINT, it kills the process, instead of printing Python's traceback. */
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
        PyErr_Print(); /* exits with the code of a SystemExit */
        return 1;
    }
    return Py_FinalizeEx() < 0 ? 120 : 0;
}
