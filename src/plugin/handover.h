/* Tells the thread sanitizer what gRPC's completion queues guarantee: all that was written before a tag went in is seen by
 * whoever takes it out. The distribution's gRPC is not instrumented, so the checker can't know. Nothing in other builds. */
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define PLUGIN_TAG_GOES_IN(tag) __tsan_release(tag)
#define PLUGIN_TAG_CAME_OUT(tag) __tsan_acquire(tag)
#else
#define PLUGIN_TAG_GOES_IN(tag) ((void)(tag))
#define PLUGIN_TAG_CAME_OUT(tag) ((void)(tag))
#endif
