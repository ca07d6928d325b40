// memcpy, memmove and bcmp for programs that are linked with musl on x86-64. They replace the functions of musl, which are slow for short
// ranges: its memcpy uses `rep movsq`, which needs tens of cycles to start, and its bcmp compares byte by byte. Most ranges of a
// request are shorter than 128 bytes. On other CPUs musl copies fast. docs/BENCHMARKS.md has the measurements.

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char byte;
typedef __m128i block;

static block load(const byte *from) { return _mm_loadu_si128((const block *)from); }
static void store(byte *to, block value) { _mm_storeu_si128((block *)to, value); }

static void copy_64(byte *to, const byte *from) {
  block a = load(from), b = load(from + 16), c = load(from + 32), d = load(from + 48);
  store(to, a), store(to + 16, b), store(to + 32, c), store(to + 48, d);
}

// Copies 32 to 64 bytes: the first 32 and the last 32, which may overlap.
static void copy_up_to_64(byte *to, const byte *from, size_t length) {
  block a = load(from), b = load(from + 16), c = load(from + length - 32), d = load(from + length - 16);
  store(to, a), store(to + 16, b), store(to + length - 32, c), store(to + length - 16, d);
}

// Copies 64 to 128 bytes: the first 64 and the last 64, which may overlap.
static void copy_up_to_128(byte *to, const byte *from, size_t length) {
  block a = load(from + length - 64), b = load(from + length - 48), c = load(from + length - 32), d = load(from + length - 16);
  copy_64(to, from);
  to += length;
  store(to - 64, a), store(to - 48, b), store(to - 32, c), store(to - 16, d);
}

// Copies more than 128 bytes. The ranges may overlap, so the bytes that are written last are read first.
static __attribute__((noinline)) void copy_more_than_128(byte *to, const byte *from, size_t length) {
  byte *to_end = to + length;
  const byte *from_end = from + length;
  if ((uintptr_t)to - (uintptr_t)from >= length) {
    block a = load(from_end - 64), b = load(from_end - 48), c = load(from_end - 32), d = load(from_end - 16);
    if (length >= 2048) {
      // The CPU copies whole cache lines, which is faster from this length on (the same limit as in glibc).
      size_t words = length / 8;
      __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    } else {
      for (; to < to_end - 64; to += 64, from += 64) copy_64(to, from);
    }
    store(to_end - 64, a), store(to_end - 48, b), store(to_end - 32, c), store(to_end - 16, d);
  } else {
    block a = load(from), b = load(from + 16), c = load(from + 32), d = load(from + 48);
    for (; to_end > to + 64; to_end -= 64, from_end -= 64) copy_64(to_end - 64, from_end - 64);
    store(to, a), store(to + 16, b), store(to + 32, c), store(to + 48, d);
  }
}

// Copies one to two times the size of the type: the first part and the last part, which may overlap.
#define COPY_AS(type)                                                    \
  do {                                                                   \
    type first, last;                                                    \
    __builtin_memcpy(&first, from, sizeof first);                        \
    __builtin_memcpy(&last, from + length - sizeof last, sizeof last);   \
    __builtin_memcpy(to, &first, sizeof first);                          \
    __builtin_memcpy(to + length - sizeof last, &last, sizeof last);     \
  } while (0)

void *memmove(void *to_range, const void *from_range, size_t length) {
  byte *to = to_range;
  const byte *from = from_range;
  if (length > 128) copy_more_than_128(to, from, length);
  else if (length > 64) copy_up_to_128(to, from, length);
  else if (length > 32) copy_up_to_64(to, from, length);
  else if (length >= 16) COPY_AS(block);
  else if (length >= 8) COPY_AS(uint64_t);
  else if (length >= 4) COPY_AS(uint32_t);
  else if (length >= 2) COPY_AS(uint16_t);
  else if (length == 1) *to = *from;
  return to_range;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) { return memmove(to, from, length); }

// Compares one to two times the size of the type: the first part and the last part, which may overlap.
#define RETURN_WHETHER_DIFFERENT_AS(type)                                                    \
  do {                                                                                       \
    type left_first, right_first, left_last, right_last;                                     \
    __builtin_memcpy(&left_first, left, sizeof(type));                                       \
    __builtin_memcpy(&right_first, right, sizeof(type));                                     \
    __builtin_memcpy(&left_last, left + length - sizeof(type), sizeof(type));                \
    __builtin_memcpy(&right_last, right + length - sizeof(type), sizeof(type));              \
    return left_first != right_first || left_last != right_last;                             \
  } while (0)

static int differ(block left, block right) { return _mm_movemask_epi8(_mm_cmpeq_epi8(left, right)) != 0xffff; }

// Returns 0 if both ranges are equal. Rust calls it to compare strings.
int bcmp(const void *left_range, const void *right_range, size_t length) {
  const byte *left = left_range, *right = right_range;
  if (length == 0) return 0;
  if (length == 1) return *left != *right;
  if (length < 4) RETURN_WHETHER_DIFFERENT_AS(uint16_t);
  if (length < 8) RETURN_WHETHER_DIFFERENT_AS(uint32_t);
  if (length < 16) RETURN_WHETHER_DIFFERENT_AS(uint64_t);
  for (size_t at = 0; at < length - 16; at += 16) {
    if (differ(load(left + at), load(right + at))) return 1;
  }
  return differ(load(left + length - 16), load(right + length - 16));
}
