/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/net/tls.h"

static struct running running;
static struct conn near, far; /* the server's end and the client's, both ours */
static struct tls_context *server, *client;
static char pem[] = "/tmp/tls-test-XXXXXX"; /* a certificate that signs itself, and its key */

static void write_pem(void)
{
    X509 *made = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fdopen(mkstemp(pem), "w");
    assert_non_null(file);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, made), 1);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(made);
    EVP_PKEY_free(key);
}

static int make_contexts(void **state)
{
    struct error error;
    const char *blamed;
    write_pem();
    const struct tls_pair pair = {pem, pem};
    const struct tls_server_settings settings = {.pairs = &pair, .pair_count = 1, .tickets = true};
    assert_int_equal(tls_server_new(&server, &settings, &blamed, &error), OK);
    assert_int_equal(tls_client_new(&client, &(struct tls_client_settings){0}, &blamed, &error),
                     OK);
    return 0;
}

static int release_contexts(void **state)
{
    tls_context_release(&server);
    tls_context_release(&client);
    unlink(pem);
    return 0;
}

static void ignore(struct conn *conn, void *owner) {}

static void shake_hands(void)
{
    struct error error;
    int done[2] = {0};
    for (int round = 0; round < 10 && (done[0] != CONN_READY || done[1] != CONN_READY); round++) {
        if (done[0] != CONN_READY)
            done[0] = conn_handshake(&far, &error);
        running_settle(&running);
        if (done[1] != CONN_READY)
            done[1] = conn_handshake(&near, &error);
        running_settle(&running);
    }
    assert_int_equal(done[0], CONN_READY);
    assert_int_equal(done[1], CONN_READY);
}

static int set_up(void **state)
{
    struct error error;
    int pair[2];
    running_start(&running);
    running_pair(pair);
    assert_int_equal(conn_init(&near, &running.loop, pair[0], &conn_plain, ignore, NULL, &error),
                     OK);
    assert_int_equal(conn_init(&far, &running.loop, pair[1], &conn_plain, ignore, NULL, &error),
                     OK);
    assert_int_equal(tls_accept(&near, server, &error), OK);
    assert_int_equal(tls_connect(&far, client, NULL, NULL, &error), OK);
    running_settle(&running);
    shake_hands();
    return 0;
}

static int tear_down(void **state)
{
    conn_close(&near);
    conn_close(&far);
    running_end(&running);
    return 0;
}

static void assert_far_reads(const char *expected)
{
    char bytes[64];
    running_settle(&running);
    assert_int_equal(conn_read(&far, bytes, sizeof(bytes)), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void bytes_travel_and_end_in_good_order(void **state)
{
    char byte;
    assert_int_equal(conn_write(&near, "hello", 5), 5);
    assert_far_reads("hello");
    assert_true(conn_part(&near));
    conn_close(&near);
    running_settle(&running);
    assert_int_equal(conn_read(&far, &byte, 1), CONN_EOF);
    assert_false(far.truncated);
}

static void an_end_without_goodbye_is_told_apart(void **state)
{
    char byte;
    conn_reset(&near);
    running_settle(&running);
    assert_int_equal(conn_read(&far, &byte, 1), CONN_EOF);
    assert_true(far.truncated);
}

/* A socket that takes nothing. */
static int full_socket(int *other)
{
    int pair[2];
    char bytes[4096] = {0};
    running_pair(pair);
    while (send(pair[0], bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
    *other = pair[1];
    return pair[0];
}

static void a_goodbye_waits_for_room(void **state)
{
    char byte;
    int other, real = near.fd, full = full_socket(&other);
    near.fd = full;
    assert_false(conn_part(&near));
    conn_finish(&near);
    assert_true(near.finishing);
    near.fd = real;
    running_settle(&running);
    assert_int_equal(conn_read(&far, &byte, 1), CONN_AGAIN);
    /* Any event finds out that there is room. */
    near.writable = true;
    assert_int_equal(conn_write(&far, "x", 1), 1);
    running_settle(&running);
    assert_false(near.finishing);
    assert_int_equal(conn_read(&far, &byte, 1), CONN_EOF);
    assert_false(far.truncated);
    close(full);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_travel_and_end_in_good_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_without_goodbye_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_goodbye_waits_for_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_contexts, release_contexts);
}
