// bcmp for programs that are linked with musl: the function that Rust calls to compare strings. musl compares byte by byte; this
// compares words, which saves 6 % of the instructions of a WASI 0.3 request, because wasmtime compares the names of types.

#include <stddef.h>
#include <stdint.h>

// Returns 0 where both ranges are equal.
int bcmp(const void *one, const void *other, size_t length) {
  const unsigned char *left = one, *right = other;
  for (; length >= sizeof(uint64_t); length -= sizeof(uint64_t)) {
    uint64_t left_word, right_word;
    __builtin_memcpy(&left_word, left, sizeof left_word);
    __builtin_memcpy(&right_word, right, sizeof right_word);
    if (left_word != right_word) return 1;
    left += sizeof left_word;
    right += sizeof right_word;
  }
  for (; length > 0; length--) {
    if (*left++ != *right++) return 1;
  }
  return 0;
}
