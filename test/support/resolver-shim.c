/*
 * Gives a program that reads its name servers from /etc/resolv.conf the one at 127.0.0.1, port RESOLVER_PORT.
 *
 * Preloaded (LD_PRELOAD). What asks through res_ninit(3) alone is changed: libspf2 and libopendmarc do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

int __res_ninit(res_state state)
{
    int (*real)(res_state) = (int (*)(res_state))dlsym(RTLD_NEXT, "__res_ninit");
    const char *port = getenv("RESOLVER_PORT");
    int failed = real(state);
    if (failed == 0 && port != NULL) {
        state->nscount = 1;
        state->nsaddr_list[0].sin_family = AF_INET;
        state->nsaddr_list[0].sin_port = htons((unsigned short)atoi(port));
        state->nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        state->retrans = 2;
        state->retry = 2;
    }
    return failed;
}
