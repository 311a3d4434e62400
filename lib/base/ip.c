/* SPDX-License-Identifier: MIT */
#include "lib/base/ip.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_AT = 12, V4_BITS = 8 * V4_AT };

static const uint8_t v4_prefix[V4_AT] = {[10] = 0xff, [11] = 0xff};

struct ip ip_of_v4(const void *four_bytes)
{
    struct ip ip;
    memcpy(ip.bytes, v4_prefix, V4_AT);
    memcpy(ip.bytes + V4_AT, four_bytes, sizeof(ip.bytes) - V4_AT);
    return ip;
}

struct ip ip_of_v6(const void *sixteen_bytes)
{
    struct ip ip;
    memcpy(ip.bytes, sixteen_bytes, sizeof(ip.bytes));
    return ip;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, v4_prefix, V4_AT) == 0;
}

bool ip_parse(struct ip *ip, const char *text, size_t length)
{
    char copy[IP_TEXT];
    uint8_t bytes[sizeof(ip->bytes)];
    if (length >= sizeof(copy) || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        *ip = ip_of_v4(bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        *ip = ip_of_v6(bytes);
    else
        return false;
    return true;
}

/* Writes the digits and returns where they end. */
static char *put_decimal(char *out, unsigned number)
{
    if (number >= 10)
        out = put_decimal(out, number / 10);
    *out = (char)('0' + number % 10);
    return out + 1;
}

/* By hand: an access log needs one for each request. */
static size_t format_v4(const uint8_t *bytes, char *out)
{
    char *at = out;
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_decimal(at, bytes[i]);
    }
    *at = '\0';
    return (size_t)(at - out);
}

size_t ip_format(const struct ip *ip, char out[IP_TEXT])
{
    if (ip_is_v4(ip))
        return format_v4(ip->bytes + V4_AT, out);
    inet_ntop(AF_INET6, ip->bytes, out, IP_TEXT);
    return strlen(out);
}

/* ---- networks */

/* Digits without a sign or a leading zero, up to `most`. */
static bool parse_number(const char *text, size_t length, unsigned most, unsigned *number)
{
    unsigned value = 0;
    if (length == 0 || length > 5 || (length > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *number = value;
    return value <= most;
}

/* The bits of byte `index` that the prefix covers. */
static uint8_t mask_at(unsigned bits, size_t index)
{
    unsigned before = (unsigned)index * 8;
    if (bits >= before + 8)
        return 0xff;
    return bits <= before ? 0 : (uint8_t)(0xff << (8 - (bits - before)));
}

bool ip_network_parse(struct ip_network *network, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (!ip_parse(&network->first, text, length))
        return false;
    bool v4 = ip_is_v4(&network->first) && !memchr(text, ':', length);
    unsigned bits = v4 ? 32 : 128;
    if (slash && !parse_number(slash + 1, strlen(slash + 1), bits, &bits))
        return false;
    network->bits = v4 ? V4_BITS + bits : bits;
    for (size_t i = 0; i < sizeof(network->first.bytes); i++)
        if (network->first.bytes[i] & ~mask_at(network->bits, i))
            return false;
    return true;
}

bool ip_network_has(const struct ip_network *network, const struct ip *ip)
{
    for (size_t i = 0; i < sizeof(ip->bytes); i++)
        if ((network->first.bytes[i] ^ ip->bytes[i]) & mask_at(network->bits, i))
            return false;
    /* ::/0 is about IPv6: every IPv4 address stands there only by the way it is kept. */
    return network->bits >= V4_BITS || !ip_is_v4(ip);
}

/* ---- peers */

bool ip_port_parse(uint16_t *port, const char *text, size_t length)
{
    unsigned number;
    if (!parse_number(text, length, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

/* Where the address ends and what follows it: a colon and a port, or nothing. NULL: it has no end.
 */
static const char *end_of_address(const char *text, size_t length, bool *bracketed)
{
    const char *end = text + length, *colon = memchr(text, ':', length);
    *bracketed = length > 0 && text[0] == '[';
    if (*bracketed)
        return memchr(text, ']', length);
    if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return colon;
    return end;
}

bool ip_peer_parse(struct ip_peer *peer, const char *text, size_t length)
{
    bool bracketed;
    const char *end = text + length, *stop = end_of_address(text, length, &bracketed);
    *peer = (struct ip_peer){.kind = IP_PEER_IP};
    if (!stop)
        return false;
    const char *from = text + bracketed, *rest = stop + bracketed;
    if (!ip_parse(&peer->ip, from, (size_t)(stop - from)) ||
        (bracketed && !memchr(from, ':', (size_t)(stop - from))))
        return false;
    return rest == end ||
           (*rest == ':' && ip_port_parse(&peer->port, rest + 1, (size_t)(end - rest - 1)));
}

size_t ip_peer_format(const struct ip_peer *peer, char out[IP_PEER_TEXT])
{
    static const char local[] = "unix:";
    if (peer->kind != IP_PEER_IP) {
        size_t length = peer->kind == IP_PEER_UNIX ? sizeof(local) - 1 : 0;
        memcpy(out, local, length);
        out[length] = '\0';
        return length;
    }
    bool brackets = peer->port && !ip_is_v4(&peer->ip);
    char *at = out;
    if (brackets)
        *at++ = '[';
    at += ip_format(&peer->ip, at);
    if (brackets)
        *at++ = ']';
    if (peer->port) {
        *at++ = ':';
        at = put_decimal(at, peer->port);
    }
    *at = '\0';
    return (size_t)(at - out);
}
