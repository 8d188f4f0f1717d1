/* Secrets, for the other files of this room. */
#pragma once

#include "ask.h"

/* The mount of a path; asked for once. */
VP_MUST_USE enum vp_code vault_find_mount(struct vault *vault, const char *path, struct vault_mount *ret_mount,
                                          struct vp_error *err);

/* The path as the API has it: with `middle` ("data/", "metadata/") behind the mount of a KV v2. */
void vault_add_api_path(struct vp_buf *target, const struct vault_mount *mount, const char *middle, const char *path);

/* The secret's answer in a wrapping of that lifetime. Only what lies in KV never has a lease. */
VP_MUST_USE enum vp_code vault_read_wrapped(struct vault *vault, const char *path, const char *wrap_ttl,
                                            struct vp_json **ret_document, bool *ret_may_have_lease,
                                            struct vp_error *err);
