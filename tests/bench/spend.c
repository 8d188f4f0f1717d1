/* Runs a command and says what it needed: a parent with little memory of its own, since a process counts what it was before exec().
 *
 *   bench-spend FILE COMMAND...
 *
 * FILE gets the most resident memory in KiB and the processor time in microseconds. Ends as the command did. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long microseconds(const struct timeval *time)
{
    return time->tv_sec * 1000000L + time->tv_usec;
}

int main(int argc, char **argv)
{
    int status = 0;
    struct rusage used;
    if (argc < 3)
        return EXIT_FAILURE;
    pid_t child = fork();
    if (child == 0) {
        (void)execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return EXIT_FAILURE;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL)
        return EXIT_FAILURE;
    (void)fprintf(file, "%ld %ld\n", used.ru_maxrss, microseconds(&used.ru_utime) + microseconds(&used.ru_stime));
    (void)fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
