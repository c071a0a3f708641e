/* SHA-256 (FIPS 180-4 examples), HMAC (RFC 4231), hexadecimal. */
#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

#include "unit/unit.h"

static void check_hex(const unsigned char sum[DIGEST_SIZE], const char *hex)
{
    char text[DIGEST_HEX_SIZE];
    hex_encode(sum, DIGEST_SIZE, text);
    assert_string_equal(text, hex);
}

static void test_sha256(void **state)
{
    (void)state;
    unsigned char sum[DIGEST_SIZE];
    digest_sha256("", 0, sum);
    check_hex(sum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256("abc", 3, sum);
    check_hex(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, sum);
    check_hex(sum, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/ktbatch-test-XXXXXX", hex[DIGEST_HEX_SIZE];
    struct err err;
    assert_non_null(mkdtemp(folder));
    CLEANUP_FREE char *path = path_join(folder, "a"), *none = path_join(folder, "b");
    CLEANUP_FREE char *million = mem_alloc(1000000);
    memset(million, 'a', 1000000);
    assert_int_equal(file_replace(path, million, 1000000, 0600, &err), 0);
    assert_int_equal(digest_file(path, hex, &err), 0);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(digest_file(none, hex, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    assert_non_null(strstr(err.text, none));
    assert_int_equal(path_remove(folder, &err), 0);
}

/* The data is split in two parts at every place: the parts are one message. */
static void check_hmac(const unsigned char *key, size_t key_len, const void *data, size_t len, const char *hex)
{
    for (size_t at = 0; at <= len; at++) {
        struct digest_part parts[] = {{data, at}, {(const char *)data + at, len - at}};
        unsigned char sum[DIGEST_SIZE];
        char text[DIGEST_HEX_SIZE];
        digest_hmac(key, key_len, parts, 2, sum);
        hex_encode(sum, DIGEST_SIZE, text);
        assert_memory_equal(text, hex, strlen(hex)); /* case 5 gives 128 bits only */
    }
}

static void test_hmac(void **state)
{
    (void)state;
    unsigned char key[131], data[50];
    memset(key, 0x0b, 20);
    check_hmac(key, 20, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac((const unsigned char *)"Jefe", 4, "what do ya want for nothing?", 28,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    check_hmac(key, 20, data, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    const char *first = "Test Using Larger Than Block-Size Key - Hash Key First";
    check_hmac(key, 131, first, strlen(first), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    const char *larger = "This is a test using a larger than block-size key and a larger than block-size data. "
                         "The key needs to be hashed before being used by the HMAC algorithm.";
    check_hmac(key, 131, larger, strlen(larger), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    for (int i = 0; i < 25; i++)
        key[i] = (unsigned char)(i + 1);
    memset(data, 0xcd, sizeof data);
    check_hmac(key, 25, data, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0x0c, 20);
    check_hmac(key, 20, "Test With Truncation", 20, "a3b6167473100ee06e0c796c2955552b");
}

static void test_equal_and_random(void **state)
{
    (void)state;
    unsigned char a[DIGEST_SIZE], b[DIGEST_SIZE];
    digest_random(a, sizeof a);
    digest_random(b, sizeof b);
    assert_false(digest_equal(a, b));
    memcpy(b, a, sizeof a);
    assert_true(digest_equal(a, b));
    b[DIGEST_SIZE - 1] ^= 1;
    assert_false(digest_equal(a, b));
}

static void test_hex(void **state)
{
    (void)state;
    unsigned char bytes[2] = {1, 2};
    char text[5];
    assert_true(hex_decode("fF09", 4, bytes, 2));
    assert_int_equal(bytes[0], 0xff);
    assert_int_equal(bytes[1], 0x09);
    hex_encode(bytes, 2, text);
    assert_string_equal(text, "ff09");
    assert_false(hex_decode("ff0", 3, bytes, 2));
    assert_false(hex_decode("ff0912", 6, bytes, 2));
    assert_false(hex_decode("fg09", 4, bytes, 2));
    assert_true(hex_decode("", 0, bytes, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_file), cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_equal_and_random), cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
