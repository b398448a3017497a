/* Kill, cut or fail the process that loads this at its n-th change of one folder.

   A seccomp filter traps every system call that can change a file, whoever makes it: Python, SQLite, the fwrite behind
   numpy, a C++ stream. (Rejected: LD_PRELOAD, which does not see the write that the C library's own fwrite makes.) The
   trap's handler works out the path, counts, and then does the call itself or what was planned instead of it. Its own
   calls go through syscall(), which the filter lets pass by its address. Linux on x86-64 and arm64. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define RESULT(u) (u)->uc_mcontext.gregs[REG_RAX]
#define ARGUMENTS(u)                                                                                              \
    {(u)->uc_mcontext.gregs[REG_RDI], (u)->uc_mcontext.gregs[REG_RSI], (u)->uc_mcontext.gregs[REG_RDX],            \
     (u)->uc_mcontext.gregs[REG_R10], (u)->uc_mcontext.gregs[REG_R8], (u)->uc_mcontext.gregs[REG_R9]}
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define RESULT(u) (u)->uc_mcontext.regs[0]
#define ARGUMENTS(u)                                                                                              \
    {(u)->uc_mcontext.regs[0], (u)->uc_mcontext.regs[1], (u)->uc_mcontext.regs[2],                                \
     (u)->uc_mcontext.regs[3], (u)->uc_mcontext.regs[4], (u)->uc_mcontext.regs[5]}
#else
#error "no names for the registers of this machine"
#endif

enum { WRITE = 1, SYNC = 2, RENAME = 4, CREATE = 8, REMOVE = 16, RESIZE = 32 };
enum { WATCH = 0, KILL = 1, TEAR = 2, FAIL = 3, FULL = 4 };
/* TEAR: a write is done by half before the kill. FULL: a write is done by half, then nothing new fits any more. */

struct seen { /* shared with the parent process, which reads it after a kill */
    int64_t count;
    int64_t used;
    char trace[1 << 18]; /* a line a call: its kind and its path below the folder */
};

static struct {
    char folder[4096];
    size_t length;
    int calls, action, error;
    int64_t at;
    struct seen *seen;
} plan;

enum { FD, PATH, AT, PATH2, AT2, OPEN, OPENAT };
/* Where the path is: a descriptor, arg 0, args 0 and 1, and for two paths the target: arg 1, or args 2 and 3. */

static const struct rule { int number, kind, place; const char *name; } rules[] = {
    {SYS_write, WRITE, FD, "write"}, {SYS_pwrite64, WRITE, FD, "write"}, {SYS_writev, WRITE, FD, "write"},
    {SYS_pwritev, WRITE, FD, "write"}, {SYS_pwritev2, WRITE, FD, "write"},
    {SYS_sendfile, WRITE, FD, "write"}, {SYS_copy_file_range, WRITE, AT2, "write"},
    {SYS_fsync, SYNC, FD, "sync"}, {SYS_fdatasync, SYNC, FD, "sync"},
    {SYS_ftruncate, RESIZE, FD, "resize"}, {SYS_truncate, RESIZE, PATH, "resize"},
    {SYS_fallocate, RESIZE, FD, "resize"},
    {SYS_renameat, RENAME, AT2, "rename"}, {SYS_renameat2, RENAME, AT2, "rename"}, {SYS_linkat, RENAME, AT2, "link"},
    {SYS_unlinkat, REMOVE, AT, "remove"}, {SYS_mkdirat, CREATE, AT, "mkdir"}, {SYS_openat, CREATE, OPENAT, "create"},
#ifdef SYS_rename
    {SYS_rename, RENAME, PATH2, "rename"}, {SYS_link, RENAME, PATH2, "link"}, {SYS_unlink, REMOVE, PATH, "remove"},
    {SYS_rmdir, REMOVE, PATH, "remove"}, {SYS_mkdir, CREATE, PATH, "mkdir"}, {SYS_open, CREATE, OPEN, "create"},
    {SYS_creat, CREATE, PATH, "create"},
#endif
};
enum { RULES = sizeof rules / sizeof *rules };

static long done(long number, const long *a) {
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -1 ? -errno : result;
}

static void of_descriptor(long descriptor, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof link, descriptor == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", (int)descriptor);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, room - 1);
    path[length < 0 ? 0 : length] = 0;
}

static void of_name(long folder, const char *name, char *path, size_t room) {
    path[0] = 0;
    if (name == NULL) return;
    if (name[0] != '/') {
        of_descriptor(folder, path, room - 1);
        strncat(path, "/", room - strlen(path) - 1);
    }
    strncat(path, name, room - strlen(path) - 1);
}

static void find_path(const struct rule *rule, const long *a, char *path, size_t room) {
    switch (rule->place) {
        case FD: of_descriptor(a[0], path, room); break;
        case PATH: case OPEN: of_name(AT_FDCWD, (const char *)a[0], path, room); break;
        case AT: case OPENAT: of_name(a[0], (const char *)a[1], path, room); break;
        case PATH2: of_name(AT_FDCWD, (const char *)a[1], path, room); break;
        case AT2:
            if (rule->number == SYS_copy_file_range) of_descriptor(a[2], path, room);
            else of_name(a[2], (const char *)a[3], path, room);
    }
}

static void note(const struct rule *rule, const char *path) {
    struct seen *seen = plan.seen;
    const char *parts[] = {rule->name, " ", path + plan.length, "\n"};
    for (int part = 0; part < 4; part++) {
        size_t length = strlen(parts[part]);
        if (seen->used + (int64_t)length >= (int64_t)sizeof seen->trace) return;
        memcpy(seen->trace + seen->used, parts[part], length);
        seen->used += (int64_t)length;
    }
}

static void die(void) {
    for (;;) syscall(SYS_kill, getpid(), SIGKILL);
}

/* The first half of what a write was asked for, which may be nothing. */
static long half(const struct rule *rule, const long *a) {
    long b[6] = {a[0], a[1], a[2], a[3], a[4], a[5]};
    struct iovec first;
    if (rule->number == SYS_write || rule->number == SYS_pwrite64) b[2] /= 2;
    else if (rule->number == SYS_sendfile) b[3] /= 2;
    else if (rule->number == SYS_copy_file_range) b[4] /= 2;
    else {
        first = *(const struct iovec *)a[1];
        first.iov_len /= 2;
        b[1] = (long)&first, b[2] = 1;
    }
    return done(rule->number, b);
}

static long instead(const struct rule *rule, const long *a, int64_t count) {
    if (count == plan.at && plan.action == FAIL) return -plan.error;
    if (count == plan.at && (plan.action == KILL || plan.action == TEAR)) {
        if (plan.action == TEAR && rule->kind == WRITE) half(rule, a);
        die();
    }
    if (count >= plan.at && plan.action == FULL) {
        int grows = rule->kind == WRITE || rule->kind == CREATE || rule->number == SYS_fallocate;
        if (count == plan.at && rule->kind == WRITE) {
            long written = half(rule, a);
            return written > 0 ? written : -ENOSPC;
        }
        if (grows) return -ENOSPC;
    }
    return done(rule->number, a);
}

static long handled(const struct rule *rule, const long *a) {
    if (rule->place == OPEN || rule->place == OPENAT) {
        int at = rule->place == OPENAT ? 2 : 1;
        if (!(a[at] & (O_CREAT | O_TRUNC))) return done(rule->number, a);
        if ((a[at] & (O_CREAT | O_EXCL | O_TRUNC)) == O_CREAT) { /* what is there already is not created */
            long b[6] = {a[0], a[1], a[2], a[3], a[4], a[5]};
            b[at] &= ~O_CREAT;
            long opened = done(rule->number, b);
            if (opened != -ENOENT) return opened;
        }
    }
    char path[8192];
    find_path(rule, a, path, sizeof path);
    if (strncmp(path, plan.folder, plan.length) != 0 || (path[plan.length] != '/' && path[plan.length] != 0))
        return done(rule->number, a);
    if (!(rule->kind & plan.calls)) return done(rule->number, a);
    note(rule, path);
    return instead(rule, a, __atomic_add_fetch(&plan.seen->count, 1, __ATOMIC_SEQ_CST));
}

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    ucontext_t *interrupted = context;
    const long a[6] = ARGUMENTS(interrupted);
    int kept = errno;
    long result = -ENOSYS;
    for (int place = 0; place < RULES; place++)
        if (rules[place].number == info->si_syscall) {
            result = handled(&rules[place], a);
            break;
        }
    RESULT(interrupted) = result;
    errno = kept;
}

static int filter(void) {
    uint64_t start = (uint64_t)(uintptr_t)&syscall, end = start + 96;
    struct sock_filter code[RULES + 16];
    int n = 0;
    if (start >> 32 != end >> 32) return ERANGE;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int place = 0; place < RULES; place++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rules[place].number, RULES - place, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    int ip = offsetof(struct seccomp_data, instruction_pointer);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(start >> 32), 0, 4);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, 2);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)end, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {(unsigned short)n, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? errno : 0;
}

/* Watch this process from now on; `seen` is shared memory of shared_size() bytes. Returns 0 or an errno. */
int arm(const char *folder, int calls, int action, int64_t at, int error, void *seen) {
    strncpy(plan.folder, folder, sizeof plan.folder - 1);
    plan.length = strlen(plan.folder);
    plan.calls = calls, plan.action = action, plan.at = at, plan.error = error, plan.seen = seen;
    plan.seen->count = plan.seen->used = 0;
    struct sigaction how = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGSYS, &how, NULL)) return errno;
    return filter();
}

int64_t shared_size(void) { return sizeof(struct seen); }
