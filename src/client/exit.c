#include "exit.h"

#include <stdio.h>

static const struct {
    enum vp_reason reason;
    int status;
} BY_REASON[] = {
    { VP_REASON_USAGE, CLI_EXIT_USAGE },
    { VP_REASON_LOCAL_CONFIG, CLI_EXIT_CONFIG },
    { VP_REASON_TOKEN_MALFORMED, CLI_EXIT_CONFIG },
    { VP_REASON_LOCAL_IO, CLI_EXIT_IO },
    { VP_REASON_SECRET_MISSING, CLI_EXIT_MISSING },
    { VP_REASON_VAULT_REFUSES, CLI_EXIT_REFUSES },
    { VP_REASON_UPSTREAM_BAD_ANSWER, CLI_EXIT_REFUSES },
    { VP_REASON_BAD_REQUEST, CLI_EXIT_FORBIDDEN }, /* a change that Arvados does not make, or that would be of no use */
    /* A moment's trouble was tried again already: what is left is a wrong CA or a wrong name. */
    { VP_REASON_UPSTREAM_TLS, CLI_EXIT_CONFIG },
};

static const int BY_CODE[] = {
    [VP_ERR_INPUT] = CLI_EXIT_USAGE,       [VP_ERR_DENIED] = CLI_EXIT_FORBIDDEN, [VP_ERR_NOT_FOUND] = CLI_EXIT_MISSING,
    [VP_ERR_OPERATION] = CLI_EXIT_REFUSES, [VP_ERR_UPSTREAM] = CLI_EXIT_REFUSES, [VP_ERR_UNAVAILABLE] = CLI_EXIT_AGAIN,
    [VP_ERR_INTERNAL] = CLI_EXIT_INTERNAL, [VP_ERR_HOST] = CLI_EXIT_INTERNAL,
};

int cli_exit_status(const struct vp_error *error)
{
    for (size_t i = 0; i < sizeof BY_REASON / sizeof BY_REASON[0]; i++)
        if (BY_REASON[i].reason == error->reason)
            return BY_REASON[i].status;
    return BY_CODE[vp_reason_code(error->reason)];
}

void cli_exit_tell(const struct vp_error *error)
{
    if (error->detail[0] == '\0')
        (void)fprintf(stderr, "arv-vault: %s\n", error->message);
    else
        (void)fprintf(stderr, "arv-vault: %s (%s)\n", error->message, error->detail);
}

void cli_exit_warn(bool quiet, const char *format, ...)
{
    struct vp_error line; /* its rules for untrusted text are the right ones here as well */
    va_list values;
    char text[sizeof line.message];
    if (quiet)
        return;
    va_start(values, format);
    (void)vsnprintf(text, sizeof text, format, values);
    va_end(values);
    (void)vp_fail(&line, VP_REASON_INTERNAL, "%s", text);
    (void)fprintf(stderr, "arv-vault: warning: %s\n", line.message);
}
