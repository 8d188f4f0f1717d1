#include "arena.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vp/secret.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

enum { BYTES = VP_ARENA_SLOT * VP_ARENA_SLOTS, WORD_BITS = 64 };

static struct {
    pthread_once_t once;
    pthread_mutex_t lock; /* guards used and n_used */
    unsigned char *slots; /* NULL: none to be had; constant once made */
    size_t locked;
    size_t n_used;
    uint64_t used[VP_ARENA_SLOTS / WORD_BITS]; /* a bit for each slot */
} arena = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t lockable(void)
{
    struct rlimit limit = { 0 };

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= BYTES)
        return BYTES;
    return (size_t)limit.rlim_cur / VP_ARENA_SLOT * VP_ARENA_SLOT;
}

/* Between two pages that nobody may touch, so that running over an end is a crash. */
static void make(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *whole = mmap(NULL, BYTES + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (whole == MAP_FAILED)
        return;
    (void)mprotect(whole, page, PROT_NONE);
    (void)mprotect(whole + page + BYTES, page, PROT_NONE);
    (void)madvise(whole + page, BYTES, MADV_DONTDUMP);
    (void)madvise(whole + page, BYTES, MADV_WIPEONFORK);
    if (lockable() > 0 && mlock(whole + page, lockable()) == 0)
        arena.locked = lockable();
    ASAN_POISON_MEMORY_REGION(whole + page, BYTES);
    arena.slots = whole + page;
}

/* The first free one; VP_ARENA_SLOTS when there is none. Lock held. */
static size_t first_free(void)
{
    for (size_t i = 0; i < sizeof arena.used / sizeof arena.used[0]; i++)
        if (~arena.used[i] != 0)
            return i * WORD_BITS + (size_t)__builtin_ctzll(~arena.used[i]);
    return VP_ARENA_SLOTS;
}

void *vp_arena_take(size_t len)
{
    (void)pthread_once(&arena.once, make);
    if (arena.slots == NULL)
        return NULL;
    pthread_mutex_lock(&arena.lock);
    size_t i = first_free();
    if (i < VP_ARENA_SLOTS) {
        arena.used[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
        arena.n_used++;
    }
    pthread_mutex_unlock(&arena.lock);
    if (i == VP_ARENA_SLOTS)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(arena.slots + i * VP_ARENA_SLOT, len);
    return arena.slots + i * VP_ARENA_SLOT;
}

bool vp_arena_has(const void *memory)
{
    uintptr_t at = (uintptr_t)memory;
    uintptr_t start = (uintptr_t)arena.slots;
    return start != 0 && at >= start && at < start + BYTES;
}

void vp_arena_give_back(void *slot)
{
    size_t i = (size_t)((unsigned char *)slot - arena.slots) / VP_ARENA_SLOT;

    ASAN_UNPOISON_MEMORY_REGION(slot, VP_ARENA_SLOT);
    vp_wipe(slot, VP_ARENA_SLOT);
    ASAN_POISON_MEMORY_REGION(slot, VP_ARENA_SLOT);
    pthread_mutex_lock(&arena.lock);
    arena.used[i / WORD_BITS] &= ~(UINT64_C(1) << i % WORD_BITS);
    arena.n_used--;
    pthread_mutex_unlock(&arena.lock);
}

size_t vp_arena_used(void)
{
    pthread_mutex_lock(&arena.lock);
    size_t n = arena.n_used;
    pthread_mutex_unlock(&arena.lock);
    return n;
}

size_t vp_arena_locked(void)
{
    return arena.locked;
}
