/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/memory.h"
#include "lib/net/tls_internal.h"

static struct tls_context context;

/* A certificate with that common name and those alternative names ("DNS:a.test,IP:10.0.0.1"), NULL
 * for none. It signs itself: only the names are looked at. */
static X509 *certificate_for(const char *common, const char *alternatives)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)common, -1, -1, 0),
                     1);
    if (alternatives) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
        assert_int_equal(X509_add_ext(made, names, -1), 1);
        X509_EXTENSION_free(names);
    }
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    return made;
}

static SSL_CTX *add(const char *common, const char *alternatives)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    X509 *certificate = certificate_for(common, alternatives);
    size_t count = context.certificate_count + 1;
    assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
    X509_free(certificate);
    context.certificates = mem_grow(context.certificates, count, sizeof(*context.certificates));
    context.certificates[context.certificate_count++] = ctx;
    return ctx;
}

static void assert_found(const char *name, const SSL_CTX *expected)
{
    assert_ptr_equal(tls_names_find(&context, name), expected);
}

static int tear_down(void **state)
{
    tls_names_release(&context);
    for (size_t i = 0; i < context.certificate_count; i++)
        SSL_CTX_free(context.certificates[i]);
    free(context.certificates);
    context = (struct tls_context){0};
    return 0;
}

static void whole_names(void **state)
{
    SSL_CTX *first = add("ignored", "DNS:a.test,DNS:b.test"), *second = add("x", "DNS:C.Test");
    tls_names_collect(&context);
    assert_found("a.test", first);
    assert_found("b.test", first);
    assert_found("c.test", second);
    assert_found("C.tEST", second);
    assert_found("c.test.", second); /* as a resolver writes it */
    assert_found("ignored", NULL);   /* the common name does not count beside others */
    assert_found("d.test", NULL);
    assert_found("", NULL);
    assert_found(".", NULL);
}

static void a_wildcard_is_one_label(void **state)
{
    SSL_CTX *all = add("x", "DNS:*.a.test"), *one = add("x", "DNS:b.a.test");
    tls_names_collect(&context);
    assert_found("x.a.test", all);
    assert_found("b.a.test", one); /* the whole name is nearer, wherever it stands */
    assert_found("a.test", NULL);
    assert_found(".a.test", NULL);
    assert_found("x.y.a.test", NULL);
    assert_found("xa.test", NULL);
}

static void the_first_of_several_counts(void **state)
{
    SSL_CTX *first = add("x", "DNS:a.test,DNS:*.a.test");
    add("x", "DNS:*.a.test,DNS:a.test");
    tls_names_collect(&context);
    assert_found("a.test", first);
    assert_found("b.a.test", first);
}

static void a_common_name_counts_alone(void **state)
{
    SSL_CTX *bare = add("Old.Test", NULL), *with_address = add("older.test", "IP:127.0.0.1");
    tls_names_collect(&context);
    assert_found("old.test", bare);
    assert_found("older.test", with_address);
    assert_found("127.0.0.1", NULL);
}

static void long_names_are_nobodys(void **state)
{
    char name[400];
    memset(name, 'a', sizeof(name));
    strcpy(name + sizeof(name) - sizeof(".a.test"), ".a.test");
    add("x", "DNS:*.a.test");
    tls_names_collect(&context);
    assert_found(name, NULL);
}

static void without_names_nothing_is_found(void **state)
{
    tls_names_collect(&context);
    assert_found("a.test", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(whole_names, tear_down),
        cmocka_unit_test_teardown(a_wildcard_is_one_label, tear_down),
        cmocka_unit_test_teardown(the_first_of_several_counts, tear_down),
        cmocka_unit_test_teardown(a_common_name_counts_alone, tear_down),
        cmocka_unit_test_teardown(long_names_are_nobodys, tear_down),
        cmocka_unit_test_teardown(without_names_nothing_is_found, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
