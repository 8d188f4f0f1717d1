/* The host's storage in memory, with failures on demand. */
#pragma once

#include "vp/logical.h"

struct fake_storage;

struct fake_storage *fake_storage_new(void);
void fake_storage_free(struct fake_storage *storage);

/* The face that a call gets; lives as long as the storage. */
const struct logical_storage *fake_storage_face(struct fake_storage *storage);

enum fake_storage_operation { FAKE_GET, FAKE_PUT, FAKE_REMOVE, FAKE_LIST, FAKE_N_OPERATIONS };

/* From now on the operation fails with VP_REASON_HOST and this text; NULL: it works again. Borrowed. */
void fake_storage_fail(struct fake_storage *storage, enum fake_storage_operation operation, const char *text);

unsigned fake_storage_count(const struct fake_storage *storage, enum fake_storage_operation operation);

/* The stored text, NULL when there is none. Borrowed until the next put. */
const char *fake_storage_peek(const struct fake_storage *storage, const char *key);
bool fake_storage_is_wrapped(const struct fake_storage *storage, const char *key);

/* Stores behind the back of whoever is tested. */
void fake_storage_plant(struct fake_storage *storage, const char *key, const char *text);
