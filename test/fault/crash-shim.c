/*
 * An LD_PRELOAD shim that kills its process with SIGKILL at one exact step of its work on a store.
 *
 * A step is a system call that changes a file of the store: pwrite64, fsync, fdatasync, ftruncate64, link, unlink.
 * What a kill leaves behind changes nowhere else, so "before step N" for every N is every kill there can be.
 * CRASH_STORE is the store's path: files whose names begin with it count, the lock and the shared memory do not.
 * CRASH_ORDER is a file with one order, read at the first step after it appears; steps count from there:
 *   step N     before step N            torn N    halfway into step N, a write
 *   commit     halfway into the page that would complete the first commit in the log
 *   synced     after the sync behind the first commit in the log
 *   count      never: each step is written to the order's file with ".steps" behind its name
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A frame of the log: a header, whose second word is not zero in the frame that commits, and a page. */
enum { FRAME_HEADER_BYTES = 24, COMMIT_MARK = 4 };

static char order[32];
static long wanted, taken;
static int is_commit_page_next, has_commit;

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;)
    pause();
}

static int has_suffix(const char *path, const char *suffix) {
  size_t length = strlen(path), end = strlen(suffix);
  return length >= end && strcmp(path + length - end, suffix) == 0;
}

static int is_of_store(const char *path) {
  const char *store = getenv("CRASH_STORE");
  return store != NULL && strncmp(path, store, strlen(store)) == 0 && !has_suffix(path, ".lock") &&
         !has_suffix(path, "-shm") && !has_suffix(path, ".lock-journal");
}

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0)
    return 0;
  path[length] = '\0';
  return is_of_store(path);
}

static int is_ordered(void) {
  const char *file = getenv("CRASH_ORDER");
  if (order[0] != '\0' || file == NULL)
    return order[0] != '\0';
  int fd = open(file, O_RDONLY);
  if (fd < 0)
    return 0;
  char text[64] = "";
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  return length > 0 && sscanf(text, "%31s %ld", order, &wanted) >= 1;
}

static void note(const char *call, const char *path) {
  char file[4096], line[4352];
  snprintf(file, sizeof file, "%s.steps", getenv("CRASH_ORDER"));
  int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0 || write(fd, line, (size_t)length) != length)
    abort();
  close(fd);
}

/* Called before a step; tells whether the step is to be torn. */
static int step(const char *call, const char *path) {
  if (!is_ordered())
    return 0;
  taken++;
  if (strcmp(order, "count") == 0)
    note(call, path);
  if (taken != wanted)
    return 0;
  if (strcmp(order, "step") == 0)
    die();
  return strcmp(order, "torn") == 0;
}

/* Follows the log; tells whether these bytes are the page that completes its first commit since the order. */
static int completes_commit(const char *path, const unsigned char *bytes, size_t size) {
  if (order[0] == '\0' || has_commit || !has_suffix(path, "-wal"))
    return 0;
  has_commit = is_commit_page_next;
  is_commit_page_next = size == FRAME_HEADER_BYTES && memcmp(bytes + COMMIT_MARK, "\0\0\0\0", 4) != 0;
  return has_commit;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  char path[4096];
  if (path_of(fd, path, sizeof path)) {
    int is_torn = step("pwrite64", path);
    int is_commit = completes_commit(path, bytes, size);
    if (is_torn || (is_commit && strcmp(order, "commit") == 0)) {
      NEXT(pwrite64)(fd, bytes, size / 2, offset);
      die();
    }
  }
  return NEXT(pwrite64)(fd, bytes, size, offset);
}

static void synced(const char *path) {
  if (has_commit && strcmp(order, "synced") == 0 && has_suffix(path, "-wal"))
    die();
}

int fsync(int fd) {
  char path[4096];
  int is_ours = path_of(fd, path, sizeof path);
  if (is_ours)
    step("fsync", path);
  int result = NEXT(fsync)(fd);
  if (is_ours)
    synced(path);
  return result;
}

int fdatasync(int fd) {
  char path[4096];
  int is_ours = path_of(fd, path, sizeof path);
  if (is_ours)
    step("fdatasync", path);
  int result = NEXT(fdatasync)(fd);
  if (is_ours)
    synced(path);
  return result;
}

int ftruncate64(int fd, off64_t size) {
  char path[4096];
  if (path_of(fd, path, sizeof path))
    step("ftruncate64", path);
  return NEXT(ftruncate64)(fd, size);
}

int link(const char *from, const char *to) {
  if (is_of_store(to))
    step("link", to);
  return NEXT(link)(from, to);
}

int unlink(const char *path) {
  if (is_of_store(path))
    step("unlink", path);
  return NEXT(unlink)(path);
}
