/* Stands in for the file alteration monitor of Courier's imapd, which would look for its daemon for seconds: there is
 * none, and Courier goes on without one, by looking at the folder itself. */

int FAMOpen(void *connection) {
  (void)connection;
  return -1;
}
