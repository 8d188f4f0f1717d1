#include "fake_storage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 64 };

struct entry {
    char *key;
    char *value;
    bool wrapped;
};

struct fake_storage {
    struct logical_storage face;
    struct entry entries[ENTRIES_MAX];
    size_t n;
    const char *failures[FAKE_N_OPERATIONS];
    unsigned counts[FAKE_N_OPERATIONS];
};

static struct entry *find(const struct fake_storage *storage, const char *key)
{
    for (size_t i = 0; i < storage->n; i++)
        if (strcmp(storage->entries[i].key, key) == 0)
            return (struct entry *)(uintptr_t)&storage->entries[i];
    return NULL;
}

static enum vp_code begin(struct fake_storage *storage, enum fake_storage_operation operation, struct vp_error *err)
{
    storage->counts[operation]++;
    if (storage->failures[operation] == NULL)
        return VP_OK;
    return vp_fail(err, VP_REASON_HOST, "%s", storage->failures[operation]);
}

static enum vp_code get(void *self, const char *key, struct vp_cancel *cancel, struct vp_buf *value, bool *ret_found,
                        struct vp_error *err)
{
    struct fake_storage *storage = self;
    (void)cancel;
    VP_TRY(begin(storage, FAKE_GET, err));
    const struct entry *entry = find(storage, key);
    *ret_found = entry != NULL;
    if (entry == NULL)
        return VP_OK;
    vp_buf_add_text(value, entry->value);
    return vp_buf_check(value, "a stored value", err);
}

static void set(struct fake_storage *storage, const char *key, const char *value, size_t len, bool wrapped)
{
    struct entry *entry = find(storage, key);
    if (entry == NULL) {
        assert(storage->n < ENTRIES_MAX);
        entry = &storage->entries[storage->n++];
        *entry = (struct entry){ .key = strdup(key) };
    }
    free(entry->value);
    entry->value = strndup(value, len);
    entry->wrapped = wrapped;
}

static enum vp_code put(void *self, const char *key, const char *value, size_t len, bool seal_wrap,
                        struct vp_cancel *cancel, struct vp_error *err)
{
    struct fake_storage *storage = self;
    (void)cancel;
    VP_TRY(begin(storage, FAKE_PUT, err));
    set(storage, key, value, len, seal_wrap);
    return VP_OK;
}

static enum vp_code remove_entry(void *self, const char *key, struct vp_cancel *cancel, struct vp_error *err)
{
    struct fake_storage *storage = self;
    (void)cancel;
    VP_TRY(begin(storage, FAKE_REMOVE, err));
    struct entry *entry = find(storage, key);
    if (entry == NULL)
        return VP_OK;
    free(entry->key);
    free(entry->value);
    *entry = storage->entries[--storage->n];
    return VP_OK;
}

static enum vp_code list(void *self, const char *prefix, struct vp_cancel *cancel, struct vp_texts *ret_keys,
                         struct vp_error *err)
{
    struct fake_storage *storage = self;
    (void)cancel;
    VP_TRY(begin(storage, FAKE_LIST, err));
    for (size_t i = 0; i < storage->n; i++)
        if (strncmp(storage->entries[i].key, prefix, strlen(prefix)) == 0)
            VP_TRY(vp_texts_add(ret_keys, storage->entries[i].key + strlen(prefix), err));
    return VP_OK;
}

struct fake_storage *fake_storage_new(void)
{
    struct fake_storage *storage = calloc(1, sizeof *storage);
    assert(storage != NULL);
    storage->face = (struct logical_storage){ get, put, remove_entry, list, storage };
    return storage;
}

void fake_storage_free(struct fake_storage *storage)
{
    for (size_t i = 0; i < storage->n; i++) {
        free(storage->entries[i].key);
        free(storage->entries[i].value);
    }
    free(storage);
}

const struct logical_storage *fake_storage_face(struct fake_storage *storage)
{
    return &storage->face;
}

void fake_storage_fail(struct fake_storage *storage, enum fake_storage_operation operation, const char *text)
{
    storage->failures[operation] = text;
}

unsigned fake_storage_count(const struct fake_storage *storage, enum fake_storage_operation operation)
{
    return storage->counts[operation];
}

const char *fake_storage_peek(const struct fake_storage *storage, const char *key)
{
    const struct entry *entry = find(storage, key);
    return entry == NULL ? NULL : entry->value;
}

bool fake_storage_is_wrapped(const struct fake_storage *storage, const char *key)
{
    const struct entry *entry = find(storage, key);
    return entry != NULL && entry->wrapped;
}

void fake_storage_plant(struct fake_storage *storage, const char *key, const char *text)
{
    set(storage, key, text, strlen(text), false);
}
