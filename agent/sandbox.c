/*
 * How the walls are built: libcap, Landlock by its system calls (glibc has no wrappers), and
 * libseccomp. The engine gets an allow list, where a forbidden call ends the process at once but
 * for opening files, which libraries try by habit and may fail. Control, which resolves names and
 * talks TLS, gets a deny list.
 */
#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef PICKET_SANITIZED
enum { WALLS = 0 };
#else
enum { WALLS = 1 };
#endif

/* File rights by Landlock's ABI version; the header may be older than the kernel. */
enum landlock_abi { ABI_FILES = 1, ABI_REFER = 2, ABI_TRUNCATE = 3 };
#define RIGHTS_FILES   ((1ull << 13) - 1)
#define RIGHT_REFER    (1ull << 13)
#define RIGHT_TRUNCATE (1ull << 14)
#define RIGHTS_READ    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

static int set_capabilities(const cap_value_t *keep, int count, struct err *e)
{
    cap_t caps = cap_init();
    int result = caps == NULL ? -1 : 0;
    if (result == 0 && count > 0) {
        result = cap_set_flag(caps, CAP_PERMITTED, count, keep, CAP_SET) |
                 cap_set_flag(caps, CAP_EFFECTIVE, count, keep, CAP_SET);
    }
    if (result == 0) {
        result = cap_set_proc(caps);
    }
    if (result != 0) {
        (void)err_set_errno(e, "cannot drop capabilities");
    }
    if (caps != NULL) {
        (void)cap_free(caps); /* fails only for a wrong address */
    }
    return result == 0 ? 0 : -1;
}

static bool may(cap_value_t capability)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t caps = cap_get_proc();
    if (caps != NULL) {
        (void)cap_get_flag(caps, capability, CAP_PERMITTED, &value); /* stays clear on failure */
        (void)cap_free(caps);
    }
    return value == CAP_SET;
}

/*
 * A program that got its right from its file, as in a container, begins with its memory closed to
 * its own user, so that the parent could not even read how much of it the children use.
 */
static void open_to_own_user(void)
{
    if (getauxval(AT_SECURE) != 0) {
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* fails only for a wrong value */
    }
}

int sandbox_parent(struct err *e)
{
    open_to_own_user();
    static const cap_value_t keep[] = {CAP_NET_RAW};
    return set_capabilities(keep, may(CAP_NET_RAW) ? 1 : 0, e);
}

static int forbid_new_rights(struct err *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return err_set_errno(e, "cannot forbid new rights");
    }
    return 0;
}

/* The version of Landlock that the kernel offers; 0: none. */
static int landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? 0 : (int)version;
}

static uint64_t landlock_rights(int version)
{
    uint64_t rights = RIGHTS_FILES;
    rights |= version >= ABI_REFER ? RIGHT_REFER : 0;
    rights |= version >= ABI_TRUNCATE ? RIGHT_TRUNCATE : 0;
    return rights;
}

static int landlock_allow(int ruleset, const char *path, uint64_t rights, struct err *e)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    if (rule.parent_fd < 0) {
        return err_set_errno(e, "cannot open %s for Landlock", path);
    }
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (result != 0) {
        (void)err_set_errno(e, "Landlock refuses a rule for %s", path);
    }
    (void)close(rule.parent_fd); /* only a path */
    return result == 0 ? 0 : -1;
}

/* Everything is forbidden but writing below `writable` and, with read_all, reading. */
static int landlock_enter(const char *const *writable, size_t count, bool read_all, bool *active,
                          struct err *e)
{
    int version = landlock_version();
    if (version == 0) {
        return 0; /* best effort: the caller tells */
    }
    struct landlock_ruleset_attr attr = {.handled_access_fs = landlock_rights(version)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        return err_set_errno(e, "Landlock makes no ruleset");
    }
    int result = read_all ? landlock_allow(ruleset, "/", RIGHTS_READ, e) : 0;
    uint64_t all_but_exec = attr.handled_access_fs & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = landlock_allow(ruleset, writable[i], all_but_exec, e);
    }
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        result = err_set_errno(e, "Landlock does not close");
    }
    (void)close(ruleset); /* in force or not, it is not needed any more */
    *active = result == 0;
    return result;
}

int sandbox_engine(struct sandbox_state *state, struct err *e)
{
    *state = (struct sandbox_state){0};
    if (WALLS == 0) {
        return 0;
    }
    if (set_capabilities(NULL, 0, e) != 0 || forbid_new_rights(e) != 0) {
        return -1;
    }
    state->capabilities = true;
    return landlock_enter(NULL, 0, false, &state->landlock, e);
}

/* What reading packets, waiting, memory and ending take. */
static const char *const engine_allowed[] = {
    "read",
    "readv",
    "pread64",
    "write",
    "writev",
    "lseek",
    "close",
    "dup",
    "fstat",
    "newfstatat",
    "poll",
    "ppoll",
    "getsockopt",
    "getsockname",
    "recvfrom",
    "recvmsg",
    "futex",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "exit",
    "exit_group",
    "rt_sigreturn",
    "rt_sigprocmask",
    "rt_sigtimedwait",
    "rt_sigaction",
    "restart_syscall",
    "getpid",
    "gettid",
    "getrandom",
    "sched_yield",
    "sched_getaffinity",
    "set_robust_list",
    "rseq",
    "sigaltstack",
    "getrusage",
};

/* Tried by libraries that can do without: they are told no. */
static const char *const engine_refused[] = {
    "open", "openat", "openat2",  "access",     "faccessat",  "faccessat2",
    "stat", "lstat",  "readlink", "readlinkat", "setsockopt",
};

/* stdio asks how a descriptor was opened; others would have signals sent when it is ready. */
static const int engine_fcntls[] = {F_GETFL, F_GETFD};

/* libpcap asks whether its interface is still there. */
static const unsigned long engine_ioctls[] = {SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFNAME};

static int add_rules(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call == __NR_SCMP_ERROR) {
            continue; /* this machine has no such call */
        }
        int result = seccomp_rule_add(ctx, action, call, 0);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

#define ALL_BITS UINT64_MAX
#define INT_BITS UINT32_MAX /* the kernel reads an int: what stands above it is nobody's */

/* The call's argument number `at`, as far as mask goes, equals value. */
static struct scmp_arg_cmp argument(unsigned at, uint64_t mask, uint64_t value)
{
    return (struct scmp_arg_cmp){
        .arg = at, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int rule_if(scmp_filter_ctx ctx, uint32_t action, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(ctx, action, call, 1, &condition);
}

static int engine_rules(scmp_filter_ctx ctx)
{
    enum { ALLOWED = sizeof engine_allowed / sizeof engine_allowed[0] };
    enum { REFUSED = sizeof engine_refused / sizeof engine_refused[0] };
    int result = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1); /* all threads at once */
    result |= add_rules(ctx, SCMP_ACT_ALLOW, engine_allowed, ALLOWED);
    result |= add_rules(ctx, SCMP_ACT_ERRNO(EACCES), engine_refused, REFUSED);
    /* The logger asks for the thread's name. */
    result |= rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), argument(0, ALL_BITS, PR_GET_NAME));
    /* Memory, but none that can be executed. */
    result |= rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), argument(2, PROT_EXEC, 0));
    result |= rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), argument(2, PROT_EXEC, 0));
    /* abort() ends us; nobody else gets a signal. */
    result |=
        rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), argument(0, INT_BITS, (uint64_t)getpid()));
    for (size_t i = 0; i < sizeof engine_fcntls / sizeof engine_fcntls[0]; i++) {
        result |= rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
                          argument(1, INT_BITS, (uint64_t)engine_fcntls[i]));
    }
    for (size_t i = 0; i < sizeof engine_ioctls / sizeof engine_ioctls[0]; i++) {
        result |=
            rule_if(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), argument(1, ALL_BITS, engine_ioctls[i]));
    }
    return result;
}

static int load_filter(scmp_filter_ctx ctx, int (*rules)(scmp_filter_ctx), struct err *e)
{
    int result = ctx == NULL ? -ENOMEM : rules(ctx);
    if (result == 0) {
        result = seccomp_load(ctx);
    }
    seccomp_release(ctx);
    if (result != 0) {
        return err_set(e, ERR_IO, "seccomp does not load (error %d)", result);
    }
    return 0;
}

int sandbox_engine_calls(struct sandbox_state *state, struct err *e)
{
    if (WALLS == 0) {
        return 0;
    }
    if (load_filter(seccomp_init(SCMP_ACT_KILL_PROCESS), engine_rules, e) != 0) {
        return -1;
    }
    state->seccomp = true;
    return 0;
}

static const char *const control_refused[] = {
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "mount",
    "umount2",
    "move_mount",
    "fsmount",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "add_key",
    "request_key",
    "keyctl",
    "userfaultfd",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "settimeofday",
    "clock_settime",
    "open_by_handle_at",
    "pidfd_getfd",
    "pidfd_send_signal",
    "tkill",
    "io_uring_setup", /* makes calls that no filter sees */
    "io_uring_enter",
    "io_uring_register",
};

/* Signals and limits reach nobody but us: the engine runs as the same user. */
static int rules_of_others(scmp_filter_ctx ctx, uint32_t no)
{
    const int calls[] = {SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
                         SCMP_SYS(rt_tgsigqueueinfo)};
    const struct scmp_arg_cmp other = {.arg = 0, .op = SCMP_CMP_NE, .datum_a = (uint64_t)getpid()};
    const struct scmp_arg_cmp not_self = {.arg = 0, .op = SCMP_CMP_NE, .datum_a = 0};
    int result = rule_if(ctx, no, SCMP_SYS(prlimit64), not_self);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        result |= rule_if(ctx, no, calls[i], other);
    }
    return result;
}

/* A user namespace would give back every capability inside it. clone3 hides its flags. */
static int rules_of_namespaces(scmp_filter_ctx ctx, uint32_t no)
{
    const uint64_t flags[] = {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID};
    int result = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        result |= rule_if(ctx, no, SCMP_SYS(clone), argument(0, flags[i], flags[i]));
    }
    return result;
}

static int control_rules(scmp_filter_ctx ctx)
{
    enum { REFUSED = sizeof control_refused / sizeof control_refused[0] };
    enum { SOCKET_TYPE_MASK = 0xf }; /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    int result = add_rules(ctx, no, control_refused, REFUSED);
    result |= rule_if(ctx, no, SCMP_SYS(socket), argument(0, ALL_BITS, AF_PACKET));
    const struct scmp_arg_cmp raw[] = {
        {.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_NETLINK, .datum_b = 0}, /* names need it */
        argument(1, SOCKET_TYPE_MASK, SOCK_RAW),
    };
    result |= seccomp_rule_add_array(ctx, no, SCMP_SYS(socket), 2, raw);
    return result | rules_of_others(ctx, no) | rules_of_namespaces(ctx, no);
}

int sandbox_control(const char *const *writable, size_t count, struct sandbox_state *state,
                    struct err *e)
{
    *state = (struct sandbox_state){0};
    if (WALLS == 0) {
        return 0;
    }
    if (set_capabilities(NULL, 0, e) != 0 || forbid_new_rights(e) != 0) {
        return -1;
    }
    state->capabilities = true;
    if (landlock_enter(writable, count, true, &state->landlock, e) != 0 ||
        load_filter(seccomp_init(SCMP_ACT_ALLOW), control_rules, e) != 0) {
        return -1;
    }
    state->seccomp = true;
    return 0;
}

char *sandbox_describe(const struct sandbox_state *state, char *buf, size_t size)
{
    if (WALLS == 0) {
        (void)snprintf(buf, size, "none: this build has sanitizers");
        return buf;
    }
    (void)snprintf(buf, size, "%s, %s, %s",
                   state->capabilities ? "no capabilities" : "capabilities kept",
                   state->landlock ? "Landlock" : "no Landlock in this kernel",
                   state->seccomp ? "seccomp" : "no seccomp");
    return buf;
}
