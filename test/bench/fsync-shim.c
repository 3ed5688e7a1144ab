/*
 * An LD_PRELOAD shim that gives every process the same disk: fsync and fdatasync sleep a fixed time, 1 ms unless
 * BENCH_FSYNC_US says otherwise, and sync nothing. For ratios only: a disk's own fsync varies tenfold by itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int wait_as_a_disk_does(void) {
  const char *text = getenv("BENCH_FSYNC_US");
  long us = text == NULL ? 1000 : atol(text);
  struct timespec left = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&left, &left) == -1 && errno == EINTR)
    ;
  return 0;
}

int fsync(int fd) {
  (void)fd;
  return wait_as_a_disk_does();
}

int fdatasync(int fd) {
  (void)fd;
  return wait_as_a_disk_does();
}
