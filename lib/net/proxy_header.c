/* SPDX-License-Identifier: MIT */
#include "lib/net/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/result.h"

static const char v1_start[] = "PROXY ";
static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* The fixed part of version 2. */
enum { AT_COMMAND = 12, AT_FAMILY = 13, AT_LENGTH = 14 };
enum { VERSION_2 = 2, COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNKNOWN = 0, FAMILY_IPV4 = 1, FAMILY_IPV6 = 2, FAMILY_UNIX = 3, FAMILIES };
enum { TRANSPORT_STREAM = 1, TRANSPORTS = 3 };

/* Bytes of both addresses and ports. */
static const size_t ends_length[FAMILIES] = {0, 2 * (4 + 2), 2 * (16 + 2), 2 * 108};

enum { TLV_HEAD = 3, TLV_CRC32C = 0x03, CRC_LENGTH = 4 };

static size_t big_endian(const char *bytes)
{
    return (size_t)(uint8_t)bytes[0] << 8 | (uint8_t)bytes[1];
}

/* ---- version 1: a line of text */

/* Takes the text up to `stop` off the front of the line. */
static bool take_word(const char **at, const char *end, char stop, const char **word,
                      size_t *length)
{
    const char *found = memchr(*at, stop, (size_t)(end - *at));
    if (!found)
        return false;
    *word = *at;
    *length = (size_t)(found - *at);
    *at = found + 1;
    return true;
}

static bool take_ip(const char **at, const char *end, bool v6, struct ip_peer *peer)
{
    const char *word;
    size_t length;
    peer->kind = IP_PEER_IP;
    return take_word(at, end, ' ', &word, &length) && ip_parse(&peer->ip, word, length) &&
           (memchr(word, ':', length) != NULL) == v6;
}

static bool take_port(const char **at, const char *end, char stop, struct ip_peer *peer)
{
    const char *word;
    size_t length;
    return take_word(at, end, stop, &word, &length) && ip_port_parse(&peer->port, word, length);
}

/* What follows "PROXY ", its CR included. */
static const char *read_v1_line(struct proxy_header *header, const char *at, const char *end)
{
    const char *word;
    size_t length;
    if (end - at >= 8 && memcmp(at, "UNKNOWN", 7) == 0 && (at[7] == '\r' || at[7] == ' '))
        return NULL;
    if (!take_word(&at, end, ' ', &word, &length) || length != 4 || memcmp(word, "TCP", 3) != 0 ||
        (word[3] != '4' && word[3] != '6'))
        return "a PROXY line of a family other than TCP4, TCP6 and UNKNOWN";
    bool v6 = word[3] == '6';
    struct ip_peer source = {.port = 0}, destination = {.port = 0};
    if (!take_ip(&at, end, v6, &source) || !take_ip(&at, end, v6, &destination))
        return "a PROXY line without two addresses of its family";
    if (!take_port(&at, end, ' ', &source) || !take_port(&at, end, '\r', &destination) || at != end)
        return "a PROXY line without two ports";
    header->source = source;
    header->destination = destination;
    return NULL;
}

static const char *read_v1(struct proxy_header *header, const char *bytes, size_t length,
                           size_t *used)
{
    size_t most = length < PROXY_HEADER_V1_MOST ? length : PROXY_HEADER_V1_MOST;
    const char *cr = memchr(bytes, '\r', most), *lf = memchr(bytes, '\n', most);
    if (lf && lf - 1 != cr)
        return "a PROXY line that does not end in CR LF";
    if (lf) {
        *used = (size_t)(lf - bytes) + 1;
        return read_v1_line(header, bytes + sizeof(v1_start) - 1, lf);
    }
    if (cr && cr + 1 < bytes + most)
        return "a PROXY line that does not end in CR LF";
    return most == PROXY_HEADER_V1_MOST ? "a PROXY line of more than 107 bytes" : NULL;
}

/* ---- version 2: binary */

/* CRC-32C (Castagnoli), four bits at a time. */
static uint32_t crc_nibble(uint32_t crc, unsigned nibble)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    return table[(crc ^ nibble) & 15] ^ (crc >> 4);
}

/* Of a header whose four bytes at `hole` count as zeros. */
static uint32_t crc_of(const char *bytes, size_t length, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = i >= hole && i < hole + CRC_LENGTH ? 0 : (uint8_t)bytes[i];
        crc = crc_nibble(crc, byte);
        crc = crc_nibble(crc, byte >> 4);
    }
    return ~crc;
}

static const char *check_crc(const char *bytes, size_t total, size_t at, size_t length)
{
    if (length != CRC_LENGTH)
        return "a PROXY header with a checksum that is not four bytes long";
    uint32_t said = (uint32_t)big_endian(bytes + at) << 16 | (uint32_t)big_endian(bytes + at + 2);
    return said == crc_of(bytes, total, at) ? NULL : "a PROXY header with a wrong checksum";
}

static const char *check_tlvs(const char *bytes, size_t total, size_t at)
{
    const char *problem = NULL;
    while (at < total && !problem) {
        size_t left = total - at, length = left >= TLV_HEAD ? big_endian(bytes + at + 1) : left;
        if (length + TLV_HEAD > left)
            return "a PROXY header with a TLV that is longer than it";
        if (bytes[at] == TLV_CRC32C)
            problem = check_crc(bytes, total, at + TLV_HEAD, length);
        at += TLV_HEAD + length;
    }
    return problem;
}

static void read_ends(struct proxy_header *header, unsigned family, const char *at)
{
    struct ip_peer *source = &header->source, *destination = &header->destination;
    size_t size = family == FAMILY_IPV4 ? 4 : 16;
    if (family == FAMILY_UNIX) {
        source->kind = destination->kind = IP_PEER_UNIX;
        return;
    }
    source->kind = destination->kind = IP_PEER_IP;
    source->ip = family == FAMILY_IPV4 ? ip_of_v4(at) : ip_of_v6(at);
    destination->ip = family == FAMILY_IPV4 ? ip_of_v4(at + size) : ip_of_v6(at + size);
    source->port = (uint16_t)big_endian(at + 2 * size);
    destination->port = (uint16_t)big_endian(at + 2 * size + 2);
}

/* The whole header, which is known to be of version 2. */
static const char *read_v2_block(struct proxy_header *header, const char *bytes, size_t total)
{
    unsigned family = (uint8_t)bytes[AT_FAMILY] >> 4, transport = bytes[AT_FAMILY] & 15;
    if ((bytes[AT_COMMAND] & 15) == COMMAND_LOCAL)
        return NULL; /* the rest is to be ignored, the family too */
    if (family >= FAMILIES || transport >= TRANSPORTS)
        return "a PROXY header of an unknown family";
    if (family == FAMILY_UNKNOWN)
        return NULL;
    if (total - PROXY_HEADER_V2_FIXED < ends_length[family])
        return "a PROXY header that is too short for its addresses";
    const char *problem = check_tlvs(bytes, total, PROXY_HEADER_V2_FIXED + ends_length[family]);
    if (!problem)
        read_ends(header, family, bytes + PROXY_HEADER_V2_FIXED);
    return problem;
}

static const char *read_v2(struct proxy_header *header, const char *bytes, size_t length,
                           size_t *used)
{
    if (length > AT_COMMAND &&
        ((uint8_t)bytes[AT_COMMAND] >> 4 != VERSION_2 || (bytes[AT_COMMAND] & 15) > COMMAND_PROXY))
        return "a PROXY header of an unknown version or with an unknown command";
    if (length < PROXY_HEADER_V2_FIXED)
        return NULL;
    size_t total = PROXY_HEADER_V2_FIXED + big_endian(bytes + AT_LENGTH);
    if (length < total)
        return NULL;
    *used = total;
    return read_v2_block(header, bytes, total);
}

/* ---- both */

static bool starts_like(const char *bytes, size_t length, const char *start, size_t start_length)
{
    return memcmp(bytes, start, length < start_length ? length : start_length) == 0;
}

static const char *read_either(struct proxy_header *header, unsigned versions, const char *bytes,
                               size_t length, size_t *used)
{
    if (versions & PROXY_HEADER_V1 && starts_like(bytes, length, v1_start, sizeof(v1_start) - 1))
        return length < sizeof(v1_start) ? NULL : read_v1(header, bytes, length, used);
    if (versions & PROXY_HEADER_V2 &&
        starts_like(bytes, length, v2_signature, sizeof(v2_signature)))
        return read_v2(header, bytes, length, used);
    return "no PROXY header, or one of another version";
}

const char *proxy_header_read(struct proxy_header *header, unsigned versions, const char *bytes,
                              size_t length, size_t *used)
{
    *header = (struct proxy_header){.source = {.kind = IP_PEER_UNKNOWN}};
    *used = 0;
    const char *problem = read_either(header, versions, bytes, length, used);
    if (problem)
        *used = 0;
    return problem;
}

/* ---- writing */

/* An IPv4 address in an IPv6 connection keeps IPv6's notation. */
static int write_v1_ends(char *out, const struct ip_peer *source, const struct ip_peer *destination)
{
    bool v4 = ip_is_v4(&source->ip) && ip_is_v4(&destination->ip);
    char from[IP_TEXT], to[IP_TEXT];
    ip_format(&source->ip, from);
    ip_format(&destination->ip, to);
    return snprintf(out, PROXY_HEADER_WRITTEN, "PROXY TCP%c %s%s %s%s %u %u\r\n", v4 ? '4' : '6',
                    !v4 && ip_is_v4(&source->ip) ? "::ffff:" : "", from,
                    !v4 && ip_is_v4(&destination->ip) ? "::ffff:" : "", to, source->port,
                    destination->port);
}

static size_t write_v2(char *out, unsigned command, unsigned family, unsigned transport)
{
    memcpy(out, v2_signature, sizeof(v2_signature));
    out[AT_COMMAND] = (char)(VERSION_2 << 4 | command);
    out[AT_FAMILY] = (char)(family << 4 | transport);
    out[AT_LENGTH] = 0;
    out[AT_LENGTH + 1] = (char)ends_length[family];
    return PROXY_HEADER_V2_FIXED;
}

static size_t write_v2_ends(char *out, const struct ip_peer *source,
                            const struct ip_peer *destination)
{
    bool v4 = ip_is_v4(&source->ip) && ip_is_v4(&destination->ip);
    size_t size = v4 ? 4 : 16;
    char *at = out + write_v2(out, COMMAND_PROXY, v4 ? FAMILY_IPV4 : FAMILY_IPV6, TRANSPORT_STREAM);
    const uint16_t ports[2] = {htons(source->port), htons(destination->port)};
    memcpy(at, source->ip.bytes + sizeof(source->ip.bytes) - size, size);
    memcpy(at + size, destination->ip.bytes + sizeof(destination->ip.bytes) - size, size);
    memcpy(at + 2 * size, ports, sizeof(ports));
    return PROXY_HEADER_V2_FIXED + 2 * size + sizeof(ports);
}

static size_t write_unknown(char *out, enum proxy_header_version version, unsigned command)
{
    static const char unknown[] = "PROXY UNKNOWN\r\n";
    if (version == PROXY_HEADER_V2)
        return write_v2(out, command, FAMILY_UNKNOWN, 0);
    memcpy(out, unknown, sizeof(unknown));
    return sizeof(unknown) - 1;
}

size_t proxy_header_write(char out[PROXY_HEADER_WRITTEN], enum proxy_header_version version,
                          const struct ip_peer *source, const struct ip_peer *destination)
{
    if (source->kind != IP_PEER_IP || destination->kind != IP_PEER_IP)
        return write_unknown(out, version, COMMAND_PROXY);
    if (version == PROXY_HEADER_V2)
        return write_v2_ends(out, source, destination);
    return (size_t)write_v1_ends(out, source, destination);
}

size_t proxy_header_write_own(char out[PROXY_HEADER_WRITTEN], enum proxy_header_version version)
{
    return write_unknown(out, version, COMMAND_LOCAL);
}
