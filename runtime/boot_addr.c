/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and sockets of a boot. */
#include "runtime/boot_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <unistd.h>

int trn_boot_root_parse(const char *root, char *host, size_t host_size, char *port,
			size_t port_size)
{
	const char *end, *colon;
	size_t n;
	uint64_t number;

	if (root[0] == '[') {
		root++;
		end = strchr(root, ']');
		colon = end ? end + 1 : NULL;
	} else {
		end = colon = strrchr(root, ':');
		/* An IPv6 address without brackets: which colon is it? */
		if (end && memchr(root, ':', (size_t)(end - root)))
			return -EINVAL;
	}
	if (!end || *colon != ':')
		return -EINVAL;
	n = (size_t)(end - root);
	if (n == 0 || n >= host_size || strlen(colon + 1) >= port_size ||
	    !trn_boot_number(colon + 1, UINT16_MAX, &number) || number == 0)
		return -EINVAL;
	memcpy(host, root, n);
	host[n] = '\0';
	trn_text_copy(port, port_size, colon + 1);
	return 0;
}

uint32_t trn_boot_resolve(const char *host, const char *port, bool numeric,
			  struct trn_boot_addr *addrs, uint32_t max, const char **ret_why)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *list = NULL, *info;
	uint32_t count = 0;
	int r = getaddrinfo(host, port, &hints, &list);

	*ret_why = r ? gai_strerror(r) : "";
	if (r)
		return 0;
	for (info = list; info && count < max; info = info->ai_next) {
		if (info->ai_addrlen > sizeof(addrs[0].u))
			continue;
		memset(&addrs[count], 0, sizeof(addrs[count]));
		memcpy(&addrs[count].u, info->ai_addr, info->ai_addrlen);
		addrs[count++].len = info->ai_addrlen;
	}
	freeaddrinfo(list);
	return count;
}

uint16_t trn_boot_addr_port(const struct trn_boot_addr *addr)
{
	return ntohs(addr->u.any.sa_family == AF_INET6 ? addr->u.v6.sin6_port :
							 addr->u.v4.sin_port);
}

void trn_boot_addr_set_port(struct trn_boot_addr *addr, uint16_t port)
{
	if (addr->u.any.sa_family == AF_INET6)
		addr->u.v6.sin6_port = htons(port);
	else
		addr->u.v4.sin_port = htons(port);
}

void trn_boot_addr_text(const struct trn_boot_addr *addr, char *text, size_t size)
{
	char host[NI_MAXHOST];

	if (getnameinfo(&addr->u.any, addr->len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		trn_text_copy(host, sizeof(host), "?");
	trn_text_copy(text, size, host);
}

int trn_boot_listen(const struct trn_boot_addr *addr, struct trn_boot_addr *ret_bound)
{
	int fd = socket(addr->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;
	int r;

	if (fd < 0)
		return -errno;
	ret_bound->len = sizeof(ret_bound->u);
	/* The port of an earlier run may still wait for late packets; both families in one. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (addr->u.any.sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
	    bind(fd, &addr->u.any, addr->len) == 0 && listen(fd, SOMAXCONN) == 0 &&
	    getsockname(fd, &ret_bound->u.any, &ret_bound->len) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

uint32_t trn_boot_addrs_own(char (*texts)[TRN_BOOT_ADDR_TEXT], uint32_t max)
{
	struct ifaddrs *list = NULL;
	uint32_t count = 0;

	if (getifaddrs(&list) < 0)
		list = NULL;
	/* Link-local ones mean something on this host only. */
	for (const struct ifaddrs *i = list; i && count + 2 < max; i = i->ifa_next) {
		struct trn_boot_addr addr = { .len = sizeof(addr.u.v4) };
		int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;

		if (!(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK) ||
		    (family != AF_INET && family != AF_INET6))
			continue;
		if (family == AF_INET6)
			addr.len = sizeof(addr.u.v6);
		memcpy(&addr.u, i->ifa_addr, addr.len);
		if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr.u.v6.sin6_addr))
			continue;
		trn_boot_addr_text(&addr, texts[count++], TRN_BOOT_ADDR_TEXT);
	}
	if (list)
		freeifaddrs(list);
	trn_text_copy(texts[count++], TRN_BOOT_ADDR_TEXT, "127.0.0.1");
	return count;
}

/* The kernel asks a silent peer once in a while, and gives up on it after silence_ms: whether
 * there is something on its way to it or not. */
int trn_boot_socket_tune(int fd, uint32_t silence_ms)
{
	const int on = 1;
	const int idle = silence_ms >= 5000 ? (int)(silence_ms / 5000) : 1;
	const int count = (int)(silence_ms / 1000) / idle > 1 ? (int)(silence_ms / 1000) / idle : 1;
	const unsigned int user = silence_ms;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user, sizeof(user)) < 0)
		return -errno;
	return 0;
}

int trn_boot_connect(const struct trn_boot_addr *addr, uint32_t silence_ms)
{
	int fd = socket(addr->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = trn_boot_socket_tune(fd, silence_ms);
	if (r == 0 && connect(fd, &addr->u.any, addr->len) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

void trn_boot_addr_pack(const struct trn_boot_addr *addr, struct trn_boot_entry *entry)
{
	const struct in6_addr *v6 = &addr->u.v6.sin6_addr;

	entry->port = trn_boot_addr_port(addr);
	if (addr->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
		entry->family = 4;
		memcpy(entry->addr, v6->s6_addr + 12, 4);
	} else if (addr->u.any.sa_family == AF_INET6) {
		entry->family = 6;
		memcpy(entry->addr, v6->s6_addr, 16);
	} else {
		entry->family = 4;
		memcpy(entry->addr, &addr->u.v4.sin_addr, 4);
	}
}

void trn_boot_addr_unpack(const struct trn_boot_entry *entry, const struct trn_boot_addr *near,
			  struct trn_boot_addr *ret_addr)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	if (entry->family == 6) {
		ret_addr->len = sizeof(ret_addr->u.v6);
		ret_addr->u.v6.sin6_family = AF_INET6;
		memcpy(ret_addr->u.v6.sin6_addr.s6_addr, entry->addr, 16);
		if (near->u.any.sa_family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&ret_addr->u.v6.sin6_addr))
			ret_addr->u.v6.sin6_scope_id = near->u.v6.sin6_scope_id;
	} else {
		ret_addr->len = sizeof(ret_addr->u.v4);
		ret_addr->u.v4.sin_family = AF_INET;
		memcpy(&ret_addr->u.v4.sin_addr, entry->addr, 4);
	}
	trn_boot_addr_set_port(ret_addr, entry->port);
}
