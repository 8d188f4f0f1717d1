/* Secrets, for the other files of this room. */
#pragma once

#include "vp/vault.h"

/* The secret's answer in a wrapping of that lifetime. Only what lies in KV never has a lease. */
VP_MUST_USE enum vp_code vault_read_wrapped(struct vault *vault, const char *path, const char *wrap_ttl,
                                            struct vp_json **ret_document, bool *ret_may_have_lease,
                                            struct vp_error *err);
